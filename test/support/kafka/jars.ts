import { execFile } from 'node:child_process';
import { access, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SECRET, USER } from './credentials.ts';

const run = promisify(execFile);

/** The newest release of Apache Kafka when this was written; its brokers need Java 17. */
export const KAFKA_VERSION = '4.4.0';

/** Kafka logs through slf4j 1.7 and brings no binding; this is the one its own distribution uses. */
const LOG4J_VERSION = '2.25.5';

const CACHE = fileURLToPath(new URL('../../../.cache/', import.meta.url));

const FORMATTED = 'formatted';

/** A Kafka distribution made of Maven Central's jars, ready to run. */
export interface KafkaJars {
  readonly java: string;
  readonly classPath: string;
  /** A data folder as `kafka-storage format` leaves it; but for meta.properties it is the same for every node. */
  readonly formattedData: string;
}

/** Says in plain words why there is no real Kafka on this machine. */
export class KafkaUnavailableError extends Error {
  constructor(what: string, cause?: unknown) {
    super(
      `No real Kafka for the tests: ${what}\n` +
        'Either set KAFKA_BROKERS=host:port,... to a cluster for tests (docker compose up gives one), or install ' +
        'Java 17 or newer and Maven:\n' +
        '  Debian, Ubuntu:  apt-get install openjdk-17-jdk-headless maven\n' +
        '  Fedora:          dnf install java-21-openjdk-headless maven\n' +
        '  macOS:           brew install openjdk maven',
      { cause },
    );
    this.name = 'KafkaUnavailableError';
  }
}

/** Fetches the jars on first use and keeps them in `.cache/`; safe when several processes come first at once. */
export async function kafkaJars(): Promise<KafkaJars> {
  const java = await javaCommand();
  const home = join(CACHE, `kafka-${KAFKA_VERSION}`);
  if (!(await isComplete(home))) {
    await mkdir(CACHE, { recursive: true });
    await locked(`${home}.lock`, async () => {
      if (!(await isComplete(home))) await install(java, home);
    });
  }
  return { java, classPath: await classPathOf(home), formattedData: join(home, FORMATTED) };
}

async function javaCommand(): Promise<string> {
  const home = process.env['JAVA_HOME'];
  const java = home === undefined || home === '' ? 'java' : join(home, 'bin', 'java');
  const { stderr } = await run(java, ['-version']).catch((error: unknown) => {
    throw new KafkaUnavailableError(`\`${java} -version\` does not run.`, error);
  });
  const major = Number(/version "(\d+)/.exec(stderr)?.[1] ?? 0);
  if (major < 17)
    throw new KafkaUnavailableError(`Java is too old (${stderr.split('\n')[0]}); brokers need 17.`);
  return java;
}

async function classPathOf(home: string): Promise<string> {
  const lib = join(home, 'lib');
  const jars = (await readdir(lib)).filter((name) => name.endsWith('.jar')).sort();
  return jars.map((name) => join(lib, name)).join(delimiter);
}

async function isComplete(home: string): Promise<boolean> {
  return access(join(home, FORMATTED)).then(
    () => true,
    () => false,
  );
}

async function install(java: string, home: string): Promise<void> {
  const building = `${home}.building`;
  await rm(building, { recursive: true, force: true });
  await rm(home, { recursive: true, force: true });
  await mkdir(building, { recursive: true });
  const pom = join(building, 'pom.xml');
  await writeFile(pom, POM);
  const goal = 'org.apache.maven.plugins:maven-dependency-plugin:3.7.1:copy-dependencies';
  const options = [
    '-B',
    '-q',
    '-f',
    pom,
    goal,
    `-DoutputDirectory=${join(building, 'lib')}`,
    '-DincludeScope=runtime',
  ];
  await run('mvn', options, { maxBuffer: 2 ** 26 }).catch((error: unknown) => {
    const output = outputOf(error);
    throw new KafkaUnavailableError(
      output === undefined
        ? '`mvn` does not run.'
        : `Maven could not fetch its jars:\n${output.slice(-2000)}`,
      error,
    );
  });
  await format(java, building);
  await rename(building, home);
}

function outputOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const stdout = 'stdout' in error && typeof error.stdout === 'string' ? error.stdout : '';
  const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : '';
  return stdout + stderr === '' ? undefined : stdout + stderr;
}

/** Runs Kafka's own format tool once, with the SCRAM user in it, and keeps what it wrote. */
async function format(java: string, building: string): Promise<void> {
  const properties = join(building, 'format.properties');
  await writeFile(
    properties,
    [
      'process.roles=broker,controller',
      'node.id=1',
      'controller.quorum.voters=1@127.0.0.1:9093',
      'controller.listener.names=CONTROLLER',
      'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      `log.dirs=${join(building, FORMATTED)}`,
    ].join('\n'),
  );
  const scram = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=${USER},password=${SECRET}]`,
  ]);
  const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties, ...scram];
  await run(java, ['-Xmx128m', '-cp', await classPathOf(building), ...tool]);
}

/** Only names the throw-away cluster that is formatted here; every started cluster gets its own. */
const CLUSTER_ID = 'MkU3OEVBNTcwNTJENDM2Qk';

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>keylane</groupId>
  <artifactId>kafka-for-tests</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>${KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>${LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

/** Runs `action` while this process alone holds the lock file; a lock whose process is gone is taken over. */
async function locked(path: string, action: () => Promise<void>): Promise<void> {
  for (;;) {
    const handle = await open(path, 'wx').catch((error: unknown) => {
      if (isCode(error, 'EEXIST')) return undefined;
      throw error;
    });
    if (handle !== undefined) {
      try {
        await handle.writeFile(String(process.pid));
        await handle.close();
        await action();
      } finally {
        await rm(path, { force: true });
      }
      return;
    }
    const holder = Number(await readFile(path, 'utf8').catch(() => ''));
    if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
    else await wait(200);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isCode(error, 'EPERM');
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
