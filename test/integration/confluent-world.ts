import { randomUUID } from 'node:crypto';
import type { Admin } from '../../src/kafka/admin.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type {
  Appender,
  IncomingRecord,
  Membership,
  MembershipEvent,
  MembershipOptions,
  OutgoingRecord,
  Reader,
  ReaderOptions,
  TopicPartition,
} from '../../src/kafka/port.ts';
import type { ClusterAddress } from '../../src/kafka/security.ts';
import { calmGroup } from '../faults/cluster-admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

export function addressOf(brokers: readonly string[]): ClusterAddress {
  return { brokers, clientId: 'keylane-test', tls: undefined, sasl: undefined, connectTimeoutMs: 10_000 };
}

/** A driver of real brokers with a topic of its own; closing it closes everything that was made from it. */
export class World {
  readonly topic: string;
  readonly admin: Admin;
  readonly driver: KafkaDriver;
  readonly #closers: (() => Promise<void>)[] = [];

  private constructor(driver: KafkaDriver, admin: Admin, topic: string) {
    this.driver = driver;
    this.admin = admin;
    this.topic = topic;
  }

  /** With no partitions, no topic is created. */
  static async open(partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<World> {
    const address = addressOf(kafkaBrokers());
    const admin = await platformaticAdmin(address);
    const world = new World(
      confluentDriver({ address, admin: () => Promise.resolve(admin) }),
      admin,
      `t-${randomUUID()}`,
    );
    world.#closers.push(() => admin.close());
    const replicationFactor = Math.min(3, await admin.brokerCount());
    if (partitions > 0)
      await admin.createTopics([{ name: world.topic, partitions, replicationFactor, configs }]);
    return world;
  }

  async appender(): Promise<Appender> {
    const appender = await this.driver.appender();
    this.#closers.push(() => appender.close({ timeoutMs: 5_000 }));
    return appender;
  }

  async reader(options: Partial<ReaderOptions> = {}): Promise<Reader> {
    const name = `${this.topic}-reader`;
    const reader = await this.driver.reader({ name, prefetchBytes: 4_000_000, ...options });
    this.#closers.push(() => reader.close());
    return reader;
  }

  member(options: Partial<MembershipOptions> = {}): Member {
    const membership = this.driver.membership({
      group: this.topic,
      topics: [this.topic],
      protocol: 'classic',
      sessionTimeoutMs: 10_000,
      maxPollIntervalMs: 60_000,
      staticMemberId: undefined,
      rackId: undefined,
      ...options,
    });
    this.#closers.push(() => membership.abandon());
    return new Member(membership, async () => {
      if (options.protocol === 'consumer') await calmGroup(kafkaBrokers(), options.group ?? this.topic);
    });
  }

  partitions(...numbers: readonly number[]): TopicPartition[] {
    return numbers.map((partition) => ({ topic: this.topic, partition }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closers.toReversed()) await close();
    await this.driver.close();
  }
}

/** A member that remembers what it was told. */
export class Member {
  readonly membership: Membership;
  readonly events: MembershipEvent[] = [];
  readonly #owned = new Set<number>();
  #changed: () => void = () => {};
  /** What to do with a revoke; by default it is answered at once. */
  onRevoked: (event: MembershipEvent & { readonly kind: 'revoked' }) => void | Promise<void> = (event) =>
    event.answer();

  readonly #ready: () => Promise<void>;

  /** `ready`: what is to be done before it joins. */
  constructor(membership: Membership, ready: () => Promise<void> = () => Promise.resolve()) {
    this.membership = membership;
    this.#ready = ready;
  }

  async join(): Promise<void> {
    await this.#ready();
    await this.membership.join((event) => {
      this.events.push(event);
      if (event.kind === 'assigned') for (const { partition } of event.partitions) this.#owned.add(partition);
      if (event.kind === 'revoked' || event.kind === 'lost') {
        for (const { partition } of event.partitions) this.#owned.delete(partition);
      }
      if (event.kind === 'revoked') void this.onRevoked(event);
      this.#changed();
    });
  }

  get owned(): number[] {
    return [...this.#owned].toSorted((a, b) => a - b);
  }

  count(kind: MembershipEvent['kind']): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  async until(condition: (member: this) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

export function record(text: string): OutgoingRecord {
  return { key: Buffer.from('k'), value: Buffer.from(text), headers: [] };
}

/** Polls whenever the reader says so, until `enough`; then stops polling. */
export function readUntil(
  reader: Reader,
  enough: (records: readonly IncomingRecord[]) => boolean,
): Promise<readonly IncomingRecord[]> {
  const records: IncomingRecord[] = [];
  let polling = false;
  let done = false;
  return new Promise((resolve, reject) => {
    const drain = async () => {
      if (polling || done) return;
      polling = true;
      while (!done) {
        const some = await reader.poll(100);
        if (some.length === 0) break;
        records.push(...some);
        if (!enough(records)) continue;
        done = true;
        reader.onReadable(() => {});
        resolve(records);
      }
      polling = false;
    };
    const go = () => {
      drain().catch(reject);
    };
    reader.onReadable(go);
    go();
  });
}
