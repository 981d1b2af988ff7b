import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { askForCoordinator } from './ask-broker.ts';
import { BrokerProcess } from './broker-process.ts';
import { SECRET, USER } from './credentials.ts';
import { locked } from './file-lock.ts';
import { freePorts } from './free-ports.ts';
import { CACHE, classPathOf, exists, fetchJars, javaCommand } from './maven.ts';

const run = promisify(execFile);

/** The newest release of Apache Kafka when this was written; its brokers need Java 17. */
const KAFKA_VERSION = '4.4.0';

/** Kafka logs through slf4j 1.7 and brings no binding; this is the one its own distribution uses. */
const LOG4J_VERSION = '2.25.5';

/** Said when there is none. */
const WANTED = {
  what: 'No real Kafka for the tests',
  instead:
    'Either set KAFKA_BROKERS=host:port,... to a cluster for tests (docker compose up gives one), or install',
};

const FORMATTED = 'formatted';
const ARCHIVE = 'classes.jsa';
/** Written last. */
const COMPLETE = 'complete';

/** A Kafka distribution made of Maven Central's jars, ready to run. */
export interface KafkaJars {
  readonly java: string;
  readonly classPath: string;
  /** A data folder as `kafka-storage format` leaves it; but for meta.properties it is the same for every node. */
  readonly formattedData: string;
  /**
   * The classes that a broker loads, as the JVM wants them mapped (class-data sharing); a third of the CPU time of a
   * start. Missing when this JVM makes none.
   */
  readonly classArchive: string | undefined;
}

/** Fetches the jars on first use and keeps them in `.cache/`; safe when several processes come first at once. */
export async function kafkaJars(): Promise<KafkaJars> {
  const java = await javaCommand(WANTED);
  const home = join(CACHE, `apache-kafka-${KAFKA_VERSION}`);
  if (!(await exists(join(home, COMPLETE)))) {
    await mkdir(CACHE, { recursive: true });
    await locked(`${home}.lock`, async () => {
      if (!(await exists(join(home, COMPLETE)))) await install(java, home);
    });
  }
  const classArchive = (await exists(join(home, ARCHIVE))) ? join(home, ARCHIVE) : undefined;
  return { java, classPath: await classPathOf(home), formattedData: join(home, FORMATTED), classArchive };
}

/** Everything is made where it stays: the JVM takes the archive only for jars at the same place. */
async function install(java: string, home: string): Promise<void> {
  await rm(home, { recursive: true, force: true });
  await mkdir(home, { recursive: true });
  await fetchJars(home, WANTED, [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    `org.apache.logging.log4j:log4j-slf4j-impl:${LOG4J_VERSION}`,
  ]);
  const classPath = await classPathOf(home);
  await format(java, classPath, home);
  await recordClasses(java, classPath, home);
  await writeFile(join(home, COMPLETE), '');
}

/** Runs Kafka's own format tool once, with the SCRAM user in it, and keeps what it wrote. */
async function format(java: string, classPath: string, home: string): Promise<void> {
  const properties = join(home, 'format.properties');
  await writeFile(properties, loneBroker(9092, 9093, join(home, FORMATTED)));
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${USER},password=${SECRET}]`,
  ]);
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties, ...scram];
  await run(java, ['-Xmx128m', '-cp', classPath, ...tool]);
}

/** Runs one broker for as long as it takes to serve, so that the JVM writes down the classes it loads. */
async function recordClasses(java: string, classPath: string, home: string): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'keylane-kafka-classes-'));
  const data = join(root, 'data');
  await cp(join(home, FORMATTED), data, { recursive: true });
  const [port = 0, controllerPort = 0] = await freePorts(2);
  const properties = join(root, 'server.properties');
  await writeFile(properties, loneBroker(port, controllerPort, data));
  const archive = `-XX:ArchiveClassesAtExit=${join(home, ARCHIVE)}`;
  const command = [java, '-Xmx350m', archive, '-cp', classPath, 'kafka.Kafka', properties];
  const broker = new BrokerProcess({ command, logFile: join(root, 'broker.log'), rootFolder: root });
  await broker.start();
  const deadline = performance.now() + 120_000;
  while (broker.isRunning && performance.now() < deadline) {
    if (await askForCoordinator(`127.0.0.1:${port}`, 2_000).catch(() => false)) break;
    await wait(200);
  }
  await broker.stop();
  await rm(root, { recursive: true, force: true });
}

function loneBroker(port: number, controllerPort: number, data: string): string {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    `log.dirs=${data}`,
    'offsets.topic.num.partitions=1',
    'offsets.topic.replication.factor=1',
    'log.cleaner.dedupe.buffer.size=4194304',
  ].join('\n');
}

/** Only names the throw-away cluster that is formatted here; every started cluster gets its own. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk';
