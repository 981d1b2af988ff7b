import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { systemClock } from '../../src/clock/clock.ts';
import { EnqueueError } from '../../src/errors/enqueue-error.ts';
import type { Admin } from '../../src/kafka/admin.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { Appender } from '../../src/kafka/port.ts';
import type { ClusterAddress } from '../../src/kafka/security.ts';
import { Producer } from '../../src/producer/producer.ts';
import { type ProducerOptions, producerOptionsSchema } from '../../src/producer/producer-options.ts';

/** What a caller was told about a task. */
export type Told =
  | { readonly kind: 'appended'; readonly offset: number }
  | { readonly kind: 'absent' | 'unknown'; readonly code: string };

export interface SentTask {
  readonly key: string;
  /** Its place among those of its key. */
  readonly number: number;
  readonly partition: number;
  readonly value: string;
  told: Told | undefined;
  /** When the caller was told, on the monotonic clock. */
  toldAtMs: number;
}

/** A topic of real Kafka, a producer into it (straight or through a proxy) and book-keeping of what was promised. */
export class ProducerRig implements AsyncDisposable {
  readonly topic = `producer-${randomUUID()}`;
  readonly partitions: number;
  readonly producer: Producer;
  readonly admin: Admin;
  readonly sent: SentTask[] = [];
  readonly #driver: KafkaDriver;
  readonly #appender: Appender;
  readonly #counts = new Map<string, number>();

  private constructor(driver: KafkaDriver, admin: Admin, appender: Appender, options: RigOptions) {
    this.partitions = options.partitions;
    this.#driver = driver;
    this.admin = admin;
    this.#appender = appender;
    this.producer = new Producer({
      appender: () => Promise.resolve(appender),
      clock: systemClock,
      options: producerOptionsSchema.parse(options.producer ?? {}),
    });
  }

  static async open(brokers: readonly string[], options: RigOptions): Promise<ProducerRig> {
    const admin = await platformaticAdmin(addressOf(brokers));
    const driver = confluentDriver({ address: addressOf(brokers), admin: () => Promise.resolve(admin) });
    const throughProxy = addressOf(options.producerBrokers ?? brokers);
    const sender = confluentDriver({ address: throughProxy, admin: () => Promise.resolve(admin) });
    const rig = new ProducerRig(driver, admin, await sender.appender(), options);
    await admin.createTopics([
      {
        name: rig.topic,
        partitions: options.partitions,
        replicationFactor: 3,
        configs: { 'min.insync.replicas': '2', 'message.timestamp.type': 'LogAppendTime' },
      },
    ]);
    return rig;
  }

  /** Adds the key's next task. Resolves when its caller was told. */
  async send(key: string, partition: number): Promise<SentTask> {
    const number = this.#counts.get(key) ?? 0;
    this.#counts.set(key, number + 1);
    const value = `${key}:${number}`;
    const task: SentTask = { key, number, partition, value, told: undefined, toldAtMs: 0 };
    this.sent.push(task);
    const record = { key: Buffer.from(key), value: Buffer.from(value.padEnd(1_000)), headers: [] };
    const { topic, producer } = this;
    const given = { topic, partition, laneKey: key, id: value, type: 'test', sizeBytes: 1_100 };
    task.told = await producer.add({ ...given, encode: () => ({ record, bytes: 1_100 }) }).then(
      ({ offset }): Told => ({ kind: 'appended', offset }),
      (error: unknown): Told => {
        if (!(error instanceof EnqueueError)) throw error;
        return { kind: error.outcome, code: error.code };
      },
    );
    task.toldAtMs = performance.now();
    return task;
  }

  /** Keeps every partition busy, four keys each with two tasks under way, until `stopped`. */
  async load(stopped: () => boolean): Promise<void> {
    const keys = Array.from({ length: this.partitions * 4 }, (_, index) => ({
      key: `k${index}`,
      partition: index % this.partitions,
    }));
    await Promise.all(
      [...keys, ...keys].map(async ({ key, partition }) => {
        while (!stopped()) {
          const { told } = await this.send(key, partition);
          if (told?.kind !== 'appended') await wait(20);
        }
      }),
    );
  }

  /** Everything that what callers were told and what is in the log disagree about; empty = nothing. */
  async disagreements(): Promise<readonly string[]> {
    const logs = await this.#readAll();
    const found: string[] = [];
    for (const task of this.sent) {
      const log = logs[task.partition] ?? [];
      const copies = log.filter((value) => value === task.value).length;
      const { told } = task;
      if (told === undefined) found.push(`${task.value}: its caller was told nothing`);
      else if (told.kind === 'appended' && log[told.offset] !== task.value) {
        found.push(
          `${task.value}: confirmed at ${told.offset} of ${task.partition}, where ${log[told.offset]} is`,
        );
      } else if (told.kind === 'absent' && copies > 0)
        found.push(`${task.value}: said to be absent, is in the log`);
      if (copies > 1) found.push(`${task.value}: is in the log ${copies} times`);
    }
    for (const log of logs) found.push(...outOfOrder(log));
    return found;
  }

  /** The log of one partition, as the values that were sent. */
  async log(partition: number): Promise<readonly string[]> {
    return (await this.#readAll())[partition] ?? [];
  }

  async #readAll(): Promise<readonly (readonly string[])[]> {
    const partitions = Array.from({ length: this.partitions }, (_, partition) => ({
      topic: this.topic,
      partition,
    }));
    const ends = await this.admin.logEnds(partitions);
    const logs: string[][] = partitions.map(() => []);
    const reader = await this.#driver.reader({ name: 'producer-rig', prefetchBytes: 8_000_000 });
    await reader.assign(partitions.map((place) => ({ ...place, offset: 0 })));
    const isWhole = (): boolean => ends.every(({ partition, end }) => (logs[partition]?.length ?? 0) >= end);
    while (!isWhole()) {
      const records = await reader.poll(1_000);
      for (const { partition, offset, value } of records) {
        const log = logs[partition];
        if (log !== undefined) log[offset] = value?.toString().trimEnd() ?? '';
      }
      if (records.length === 0) await wait(5);
    }
    await reader.close();
    return logs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.producer.close({ timeoutMs: 5_000 });
    await this.#appender.close({ timeoutMs: 5_000 });
    await this.admin.close();
  }
}

export interface RigOptions {
  readonly partitions: number;
  /** Where only the producer connects to; default: where everything does. */
  readonly producerBrokers?: readonly string[];
  readonly producer?: ProducerOptions;
}

function addressOf(brokers: readonly string[]): ClusterAddress {
  return { brokers, clientId: 'producer-rig', tls: undefined, sasl: undefined, connectTimeoutMs: 60_000 };
}

function outOfOrder(log: readonly string[]): string[] {
  const newest = new Map<string, number>();
  const found: string[] = [];
  for (const value of log) {
    const [key = '', number = ''] = value.split(':');
    if (Number(number) <= (newest.get(key) ?? -1))
      found.push(`${value}: came into the log after a later one`);
    newest.set(key, Number(number));
  }
  return found;
}
