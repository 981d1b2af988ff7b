import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { BrokerProcess } from '../kafka/broker-process.ts';
import { locked } from '../kafka/file-lock.ts';
import { freePorts } from '../kafka/free-ports.ts';
import { CACHE, classPathOf, exists, fetchJars, javaCommand } from '../kafka/maven.ts';

/** A server that speaks S3 and keeps what it has in a folder; the newest release whose jars run as they are listed. */
const S3PROXY_VERSION = '3.0.0';

const WANTED = { what: 'No S3-compatible server for the tests', instead: 'Install' };

const USER = 'keylane';
const SECRET = 'keylane-secret';
const BUCKET = 'bodies';

/** Written last. */
const COMPLETE = 'complete';

/** One server of S3's protocol with one bucket, on 127.0.0.1. It keeps its port and what it has when it is killed. */
export class S3Server {
  readonly bucket = BUCKET;
  readonly #port: number;
  readonly #folder: string;
  readonly #process: BrokerProcess;
  readonly #clients: S3Client[] = [];

  private constructor(port: number, folder: string, process: BrokerProcess) {
    this.#port = port;
    this.#folder = folder;
    this.#process = process;
  }

  static async start(): Promise<S3Server> {
    const java = await javaCommand(WANTED);
    const classPath = await s3Jars();
    const folder = await mkdtemp(join(tmpdir(), 'keylane-s3-'));
    const [port = 0] = await freePorts(1);
    await mkdir(join(folder, 'data'));
    await writeFile(join(folder, 's3.properties'), properties(port, join(folder, 'data')));
    await writeFile(join(folder, 'logback.xml'), LOGGING);
    const options = [
      '-Xmx192m',
      '-XX:TieredStopAtLevel=1',
      `-Dlogback.configurationFile=${join(folder, 'logback.xml')}`,
    ];
    const main = ['org.gaul.s3proxy.Main', '--properties', join(folder, 's3.properties')];
    const command = [java, ...options, '-cp', classPath, ...main];
    const process = new BrokerProcess({ command, logFile: join(folder, 's3.log'), rootFolder: folder });
    const server = new S3Server(port, folder, process);
    await server.restart();
    await server.client().send(new CreateBucketCommand({ Bucket: BUCKET }));
    return server;
  }

  /** Resolves when it serves. */
  async restart(): Promise<void> {
    await this.#process.start();
    for (const endMs = performance.now() + 60_000; ; await wait(100)) {
      const answer = await fetch(`http://127.0.0.1:${this.#port}/`).catch(() => undefined);
      if (answer !== undefined) return;
      if (!this.#process.isRunning || performance.now() > endMs)
        throw new Error(`the S3 server does not come up:\n${await this.#process.logTail()}`);
    }
  }

  /** For a process that makes its own client. */
  get place() {
    const endpoint = `http://127.0.0.1:${this.#port}`;
    return { endpoint, accessKeyId: USER, secretAccessKey: SECRET, bucket: BUCKET };
  }

  /** As brokers that yield do. */
  yieldProcessors(): Promise<void> {
    return this.#process.yieldProcessors();
  }

  /** SIGKILL: its sockets are reset. */
  kill(): Promise<void> {
    return this.#process.kill();
  }

  client({ secret = SECRET } = {}): S3Client {
    const client = new S3Client({
      endpoint: `http://127.0.0.1:${this.#port}`,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: USER, secretAccessKey: secret },
    });
    this.#clients.push(client);
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await this.#process.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Its class path. The jars are fetched on first use and kept, as those of Kafka are. */
export async function s3Jars(): Promise<string> {
  const home = join(CACHE, `s3proxy-${S3PROXY_VERSION}`);
  await mkdir(CACHE, { recursive: true });
  await locked(`${home}.lock`, async () => {
    if (await exists(join(home, COMPLETE))) return;
    await rm(home, { recursive: true, force: true });
    await mkdir(home);
    await fetchJars(home, WANTED, [`org.gaul:s3proxy:${S3PROXY_VERSION}`]);
    await writeFile(join(home, COMPLETE), '');
  });
  return await classPathOf(home);
}

function properties(port: number, folder: string): string {
  return [
    `s3proxy.endpoint=http://127.0.0.1:${port}`,
    's3proxy.authorization=aws-v2-or-v4',
    // It knows no checksums but ETag and signature; real S3 looks at those that the client sends.
    's3proxy.ignore-unknown-headers=true',
    `s3proxy.identity=${USER}`,
    `s3proxy.credential=${SECRET}`,
    'jclouds.provider=filesystem-nio2',
    `jclouds.filesystem.basedir=${folder}`,
  ].join('\n');
}

const LOGGING = `<configuration>
  <appender name="log" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%d %-5level %msg%n</pattern></encoder></appender>
  <root level="warn"><appender-ref ref="log"/></root>
</configuration>
`;
