import { randomUUID } from 'node:crypto';
import type { TestContext } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type {
  Appender,
  IncomingRecord,
  OutgoingRecord,
  Reader,
  RecordHeader,
  TopicPartition,
} from '../../src/kafka/port.ts';
import { type MemberSettings, WatchedMember } from './watched-member.ts';

/** One implementation of the port, with the means to test it. */
export interface PortUnderTest {
  readonly driver: KafkaDriver;
  /** Lets a little happen; called again and again while a case waits for something. */
  readonly tick: () => Promise<void>;
  /** Lets anything happen that is going to: called before a case says that something did not. */
  readonly settle: () => Promise<void>;
  /** Moves the log start of a partition, like DeleteRecords. */
  readonly deleteBefore?: (partition: TopicPartition, offset: number) => Promise<void>;
  /** Has the coordinator throw a member out of its group without asking it. */
  readonly evict?: (member: WatchedMember) => Promise<void>;
  /** Called before a member of KIP-848 joins a group. */
  readonly beforeGroup?: (group: string) => Promise<void>;
  /** Waits until a time in milliseconds has passed for the cluster and its clients. */
  readonly pass: (ms: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * What a cluster truly cannot do. Where one is false, the suite checks that the implementation says so, or does the
 * nearest thing, instead of the full case.
 */
export interface PortCapabilities {
  /** Cases wait for a cluster and run side by side. Time that is moved by hand would be moved for all at once. */
  readonly takesTime: boolean;
  /** Topics get the partitions and configs asked for, and configs can be read. */
  readonly topicSettings: boolean;
  readonly topicIds: boolean;
  /** The admin deletes records, finds offsets by time, reads a group's commits from outside and measures logs. */
  readonly logAdmin: boolean;
  /** What protocol a group speaks can be read. */
  readonly groupProtocol: boolean;
  /** The log start can be moved; see {@link PortUnderTest.deleteBefore}. */
  readonly deletesRecords: boolean;
  /** The coordinator throws members out; see {@link PortUnderTest.evict}. */
  readonly evictsMembers: boolean;
  /**
   * A rebalance of a classic group ends for all members at once. The mock cluster ends it when the leader has said who gets
   * what; whoever asks after that, as happens on a busy machine, is refused and begins another. A member that has not answered
   * a revoke by then does not take part in it and cannot commit, and another one may get other partitions than those.
   */
  readonly gathersMembers: boolean;
  /** A member that answers a revoke too late is thrown out of a KIP-848 group. */
  readonly limitsRevokes: boolean;
  /** A member that comes back under its static id gets its partitions back. */
  readonly staticMembers: boolean;
}

/** Every topic of the suite has four partitions: more the mock cluster does not know, nor fewer. */
export const PARTITIONS = 4;

const WAIT_MS = 60_000;

/** What a test uses of a port; everything is closed when the test ends. */
export class Bench {
  readonly port: PortUnderTest;
  readonly #atEnd: TestContext['onTestFinished'];

  constructor(port: PortUnderTest, test: TestContext) {
    this.port = port;
    this.#atEnd = test.onTestFinished;
  }

  appender(): Promise<Appender> {
    return this.#closing(this.port.driver.appender(), (appender) => appender.close({ timeoutMs: 1_000 }));
  }

  reader(): Promise<Reader> {
    const options = { name: `reader-${randomUUID()}`, prefetchBytes: 4_000_000 };
    return this.#closing(this.port.driver.reader(options), (reader) => reader.close());
  }

  admin(): Promise<Admin> {
    return this.#closing(this.port.driver.admin(), (admin) => admin.close());
  }

  /** A member that has not joined. */
  member(settings: MemberSettings): WatchedMember {
    const member = new WatchedMember(this.port.driver, settings);
    this.#atEnd(() => member.membership.abandon());
    return member;
  }

  async joinedMember(settings: MemberSettings): Promise<WatchedMember> {
    if (settings.protocol === 'consumer') await this.port.beforeGroup?.(settings.group);
    const member = this.member(settings);
    await member.join();
    return member;
  }

  async topic(): Promise<string> {
    const name = `conformance-${randomUUID()}`;
    const admin = await this.admin();
    await admin.createTopics([{ name, partitions: PARTITIONS, replicationFactor: 3, configs: {} }]);
    return name;
  }

  /** Waits until the condition holds; `details` tell the reader of a failure what there was instead. */
  async until(
    condition: () => boolean | Promise<boolean>,
    what: string,
    details: () => string = () => '',
  ): Promise<void> {
    const giveUpAt = performance.now() + WAIT_MS;
    while (!(await condition())) {
      if (performance.now() > giveUpAt) throw new Error(`Waited in vain until ${what} ${details()}`);
      await this.port.tick();
    }
  }

  /** Polls until that many records are there. */
  async readRecords(reader: Reader, count: number): Promise<IncomingRecord[]> {
    const records: IncomingRecord[] = [];
    await this.until(async () => {
      if (records.length < count) records.push(...(await reader.poll(count - records.length)));
      return records.length >= count;
    }, `${count} records were read`);
    return records;
  }

  /** What polls hand out while nothing more should come. */
  async readTheRest(reader: Reader): Promise<IncomingRecord[]> {
    const records: IncomingRecord[] = [];
    for (let round = 0; round < 3; round += 1) {
      await this.port.settle();
      records.push(...(await reader.poll(1_000)));
    }
    return records;
  }

  /** Appends values one after the other, as a cold partition wants it. */
  async append(partition: TopicPartition, values: readonly string[], appender?: Appender): Promise<void> {
    const through = appender ?? (await this.appender());
    for (const value of values) await through.append({ ...partition, records: [recordOf(value)] });
  }

  async #closing<T>(opening: Promise<T>, close: (opened: T) => Promise<void>): Promise<T> {
    const opened = await opening;
    this.#atEnd(() => close(opened));
    return opened;
  }
}

export function recordOf(
  value: string | Buffer,
  rest: { readonly key?: Buffer | null; readonly headers?: readonly RecordHeader[] } = {},
): OutgoingRecord {
  return { key: rest.key ?? null, value: Buffer.from(value), headers: rest.headers ?? [] };
}

export function valuesOf(records: readonly IncomingRecord[]): readonly (string | undefined)[] {
  return records.map(({ value }) => value?.toString());
}

export function offsetsOf(records: readonly IncomingRecord[]): readonly number[] {
  return records.map(({ offset }) => offset);
}

export function numbered(prefix: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}
