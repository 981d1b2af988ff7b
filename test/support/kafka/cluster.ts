import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { askForCoordinator, askForMetadata } from './ask-broker.ts';
import { BrokerProcess } from './broker-process.ts';
import { type Certificates, type KeyPair, makeCertificates } from './certificates.ts';
import { SECRET, USER } from './credentials.ts';
import { kafkaJars } from './jars.ts';
import { plannedPorts, writeNode } from './node-files.ts';
import type { NodePorts } from './server-properties.ts';

export interface KafkaOptions {
  /** Default 3. */
  readonly brokerCount?: number;
  /** Kafka's own broker settings, over the defaults of server-properties.ts. */
  readonly brokerConfig?: Readonly<Record<string, string>>;
  /**
   * `quick` (default): the JVM's first compiler only, which starts in half the CPU time. `full`: also its second one, for
   * measuring throughput.
   */
  readonly jit?: 'quick' | 'full';
  /**
   * Once they serve, brokers take next to nothing of a processor that others want: a stand-in for machines of their own.
   * They are slow on a machine that is busy with anything else.
   */
  readonly yields?: boolean;
  /** Adds a SASL_SSL listener and one for client certificates; see {@link KafkaCluster.secure}. */
  readonly saslSsl?: true;
}

export interface KafkaBroker {
  /** Kafka: node.id; 1, 2, 3. */
  readonly id: number;
  /** host:port of the plain listener; stays the same over restarts. */
  readonly address: string;
  readonly isRunning: boolean;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM: leaders move away first. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGSTOP: connections stay open and, once this has resolved, nothing answers. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
  /** The same ports and data again. Resolves when the process exists; `untilReady` tells when it serves. */
  start(): Promise<void>;
}

/** How to get in by the secured listeners. */
export interface SecureAccess {
  /** SASL_SSL with PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER (unsecured tokens). */
  readonly bootstrap: string;
  /** SSL that wants a client certificate. */
  readonly mtlsBootstrap: string;
  readonly ca: string;
  readonly client: KeyPair;
  readonly username: string;
  readonly password: string;
}

export interface KafkaCluster {
  /** Kafka: bootstrap.servers of the plain listeners. */
  readonly bootstrap: string;
  readonly brokers: readonly KafkaBroker[];
  /** Only with `saslSsl`. */
  readonly secure: SecureAccess | undefined;
  /** Where each broker writes its log: `broker-1.log` and so on. */
  readonly logFolder: string;
  /**
   * Resolves when every running broker knows every other one and no partition lacks a leader; when all brokers run, also
   * no replica is behind. Rejects after the timeout (default 60 s), saying what was missing.
   */
  untilReady(timeoutMs?: number): Promise<void>;
  /** Kills the brokers and removes their data. Idempotent. */
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a cluster of real Kafka brokers on free loopback ports and waits until it serves, groups included. The brokers
 * end with this process, however it ends.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaCluster> {
  const jars = await kafkaJars();
  const root = await mkdtemp(join(tmpdir(), 'keylane-kafka-'));
  const secured = options.saslSsl === true;
  const certificates = secured ? await makeCertificates(root) : undefined;
  const nodes = await plannedPorts(options.brokerCount ?? 3, secured);
  const clusterId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  const shared = {
    jars,
    root,
    clusterId,
    nodes,
    certificates,
    jit: options.jit ?? 'quick',
    overrides: options.brokerConfig ?? {},
  };
  const brokers: Broker[] = [];
  for (const [index, ports] of nodes.entries()) {
    const id = index + 1;
    const command = await writeNode({ ...shared, id });
    const logFile = join(root, `broker-${id}.log`);
    brokers.push(
      new Broker(id, `127.0.0.1:${ports.plain}`, new BrokerProcess({ command, logFile, rootFolder: root })),
    );
  }
  const cluster = new RunningCluster(root, brokers, secureAccess(nodes, certificates));
  try {
    for (const broker of brokers) await broker.start();
    await cluster.untilServing();
    if (options.yields === true) for (const broker of brokers) await broker.yieldProcessors();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

function secureAccess(
  nodes: readonly NodePorts[],
  certificates: Certificates | undefined,
): SecureAccess | undefined {
  if (certificates === undefined) return undefined;
  return {
    bootstrap: nodes.map((node) => `127.0.0.1:${node.saslSsl}`).join(','),
    mtlsBootstrap: nodes.map((node) => `127.0.0.1:${node.ssl}`).join(','),
    ca: certificates.ca,
    client: certificates.client,
    username: USER,
    password: SECRET,
  };
}

class Broker implements KafkaBroker {
  readonly id: number;
  readonly address: string;
  readonly #process: BrokerProcess;

  constructor(id: number, address: string, process: BrokerProcess) {
    this.id = id;
    this.address = address;
    this.#process = process;
  }

  get isRunning(): boolean {
    return this.#process.isRunning;
  }

  yieldProcessors(): Promise<void> {
    return this.#process.yieldProcessors();
  }

  kill(): Promise<void> {
    return this.#process.kill();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  pause(): Promise<void> {
    return this.#process.pause();
  }

  resume(): void {
    this.#process.resume();
  }

  start(): Promise<void> {
    return this.#process.start();
  }

  logTail(): Promise<string> {
    return this.#process.logTail();
  }
}

const ASK_TIMEOUT_MS = 2_000;
const ASK_AGAIN_MS = 100;

class RunningCluster implements KafkaCluster {
  readonly bootstrap: string;
  readonly brokers: readonly Broker[];
  readonly secure: SecureAccess | undefined;
  readonly logFolder: string;

  constructor(root: string, brokers: readonly Broker[], secure: SecureAccess | undefined) {
    this.logFolder = root;
    this.brokers = brokers;
    this.secure = secure;
    this.bootstrap = brokers.map((broker) => broker.address).join(',');
  }

  async untilReady(timeoutMs = 60_000): Promise<void> {
    await this.#until(timeoutMs, () => this.#missing());
  }

  /** Ready, and the offsets topic made, so that the first group of a test need not wait for it. */
  async untilServing(): Promise<void> {
    await this.#until(180_000, async () => {
      const missing = await this.#missing();
      if (missing !== undefined) return missing;
      const found = await askForCoordinator(this.brokers[0]?.address ?? '', ASK_TIMEOUT_MS);
      return found ? undefined : 'there is no group coordinator yet';
    });
    await this.untilReady();
  }

  async stop(): Promise<void> {
    await Promise.all(this.brokers.map((broker) => broker.kill()));
    await rm(this.logFolder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #until(timeoutMs: number, missing: () => Promise<string | undefined>): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const what = await missing().catch((error: unknown) => String(error));
      if (what === undefined) return;
      if (performance.now() > deadline) {
        const tails = await Promise.all(this.brokers.map((broker) => broker.logTail()));
        throw new Error(`Kafka was not ready in ${timeoutMs} ms: ${what}\n${tails.join('\n---\n')}`);
      }
      await wait(ASK_AGAIN_MS);
    }
  }

  /** What readiness lacks, in words; undefined when it lacks nothing. */
  async #missing(): Promise<string | undefined> {
    const running = this.brokers.filter((broker) => broker.isRunning);
    for (const broker of running) {
      const view = await askForMetadata(broker.address, ASK_TIMEOUT_MS);
      const seen = new Set(view.brokers.map((other) => other.id));
      const unseen = running.filter((other) => !seen.has(other.id));
      if (unseen.length > 0) {
        return `broker ${broker.id} does not see ${unseen.map((other) => other.id).join(', ')}`;
      }
      if (running.length === this.brokers.length && view.degradedPartitions > 0) {
        return `broker ${broker.id} knows of ${view.degradedPartitions} partitions without all replicas in sync`;
      }
    }
    return running.length === 0 ? 'no broker is running' : undefined;
  }
}
