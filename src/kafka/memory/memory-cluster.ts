import { type Clock, systemClock } from '../../clock/clock.ts';
import type { TopicSpec } from '../admin.ts';
import type { EmbeddedLimits } from '../driver.ts';
import type {
  IncomingRecord,
  KafkaFailure,
  Membership,
  OutgoingRecord,
  Position,
  RecordOutcome,
  TopicPartition,
} from '../port.ts';
import { brokerDefaults, effectiveConfigs, offsetsTopicConfigs } from './cluster-configs.ts';
import { failures, offsetOutOfRange, unknownTopic } from './failures.ts';
import { Faults } from './faults.ts';
import { Group, type StoredOffset } from './group.ts';
import { PartitionLog, sizeOf } from './partition-log.ts';
import { nameOf } from './partition-name.ts';

export interface MemoryClusterOptions {
  /** Gives append times and runs session timeouts. Default: the system's. */
  readonly clock?: Clock;
  /**
   * Runs a step later; every answer and every event of the cluster is one. Default: a microtask each, in order. A
   * simulation may run them in any order: what must stay in order does.
   */
  readonly schedule?: (step: () => void) => void;
  /** Default 3. */
  readonly brokers?: number;
  /** Whether the brokers offer KIP-848 groups. Default true. */
  readonly consumerProtocol?: boolean;
  /** Set on top of Kafka's defaults, by config name. */
  readonly brokerConfigs?: Readonly<Record<string, string>>;
  /** What the driver claims about itself; default undefined, like a real cluster. */
  readonly embedded?: EmbeddedLimits;
}

export interface MemoryTopic {
  readonly id: string;
  readonly replicationFactor: number;
  /** What was set for this topic alone. */
  readonly configs: Map<string, string>;
  readonly logs: PartitionLog[];
}

/** What a test can do to a member from outside. */
export interface MemberControl {
  /** Takes its place in the group away. */
  evict(): void;
  /** Ends it without a word, like SIGKILL. */
  crash(): void;
  /** Stops it hearing and being heard, like SIGSTOP. */
  freeze(): void;
  thaw(): void;
  /** Ends its session if it is out of contact. */
  expire(): void;
  owned(): readonly TopicPartition[];
}

/** A Kafka cluster in this process's memory, for tests. Not a broker: only `memoryDriver` speaks to it. */
export class MemoryCluster {
  readonly clock: Clock;
  readonly schedule: (step: () => void) => void;
  readonly brokerCount: number;
  readonly consumerProtocol: boolean;
  readonly embedded: EmbeddedLimits | undefined;
  /** Arm these to make requests fail. */
  readonly faults = new Faults();
  /** Ways in which a caller broke the port's rules; a test may assert that it is empty. */
  readonly misuses: string[] = [];
  readonly topics: ReadonlyMap<string, MemoryTopic>;
  readonly brokerConfigs: Map<string, string>;

  readonly #topics = new Map<string, MemoryTopic>();
  readonly #groups = new Map<string, Group>();
  readonly #members = new Map<Membership, MemberControl>();
  readonly #watchers = new Set<(partition: TopicPartition) => void>();
  #topicsCreated = 0;

  constructor(options: MemoryClusterOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.schedule = options.schedule ?? queueMicrotask;
    this.brokerCount = options.brokers ?? 3;
    this.consumerProtocol = options.consumerProtocol ?? true;
    this.embedded = options.embedded;
    this.brokerConfigs = new Map(Object.entries({ ...brokerDefaults, ...options.brokerConfigs }));
    this.topics = this.#topics;
  }

  /** Creates a topic at once. Throws when it exists. */
  createTopic(name: string, spec: Partial<Omit<TopicSpec, 'name'>> = {}): void {
    if (this.#topics.has(name)) throw new Error(`Topic ${name} exists`);
    this.#topicsCreated += 1;
    this.#topics.set(name, {
      id: `memory-topic-${String(this.#topicsCreated).padStart(9, '0')}`,
      replicationFactor: spec.replicationFactor ?? Math.min(3, this.brokerCount),
      configs: new Map(Object.entries(spec.configs ?? {})),
      logs: [],
    });
    this.addPartitions(name, spec.partitions ?? 1);
  }

  /** Adds to a topic's partitions. */
  addPartitions(name: string, count: number): void {
    const { logs } = this.#topicOrThrow(name);
    for (let added = 0; added < count; added += 1)
      logs.push(new PartitionLog({ topic: name, partition: logs.length }));
    this.#reconcileGroups();
  }

  /** Deletes a topic; created again under this name it has another id and starts at offset 0. */
  deleteTopic(name: string): void {
    this.#topicOrThrow(name);
    this.#topics.delete(name);
    this.#reconcileGroups();
  }

  setTopicConfig(name: string, config: string, value: string): void {
    this.#topicOrThrow(name).configs.set(config, value);
  }

  /** A topic's effective configs. */
  topicConfigs({ configs }: MemoryTopic): ReadonlyMap<string, string> {
    return effectiveConfigs(configs, this.brokerConfigs);
  }

  log({ topic, partition }: TopicPartition): PartitionLog | undefined {
    return this.#topics.get(topic)?.logs[partition];
  }

  /** Everything in a topic's logs, partition by partition. */
  records(topic: string): readonly IncomingRecord[] {
    return this.#topicOrThrow(topic).logs.flatMap((log) =>
      log.read(log.ends.start, Number.POSITIVE_INFINITY),
    );
  }

  /** Moves the partition's log start up, like Kafka's DeleteRecords. */
  deleteRecords(partition: TopicPartition, beforeOffset: number): void {
    this.log(partition)?.deleteBefore(beforeOffset);
    this.#changed(partition);
  }

  /** A partition gets another leader. `end`: what that one has, if it lacks some of the log (an unclean election). */
  elect(partition: TopicPartition, end = Number.POSITIVE_INFINITY): void {
    this.log(partition)?.elect(end);
    this.#changed(partition);
  }

  /** Why an admin may not delete below that offset; undefined when it may. Takes an armed fault. */
  deletionRefusal({ topic, partition, offset }: Position): KafkaFailure | undefined {
    const armed = this.faults.takeDeletion({ topic, partition });
    if (armed !== undefined) return armed;
    if (this.faults.isLeaderless({ topic, partition })) return failures.noLeader;
    const found = this.#topics.get(topic);
    const log = found?.logs[partition];
    if (found === undefined || log === undefined) return unknownTopic({ topic, partition });
    if (this.topicConfigs(found).get('cleanup.policy')?.includes('delete') !== true) {
      return failures.neverDeleted;
    }
    const isOffset = Number.isSafeInteger(offset) && offset >= 0 && offset <= log.ends.end;
    return isOffset ? undefined : offsetOutOfRange({ topic, partition }, offset);
  }

  /** Appends records, each by itself accepted or refused for its size. */
  write(partition: TopicPartition, records: readonly OutgoingRecord[]): readonly RecordOutcome[] {
    const topic = this.#topics.get(partition.topic);
    const log = topic?.logs[partition.partition];
    if (topic === undefined || log === undefined) {
      return records.map(() => ({ kind: 'absent', failure: unknownTopic(partition) }));
    }
    const maxBytes = Number(this.topicConfigs(topic).get('max.message.bytes'));
    const timestampMs = this.clock.wallMs();
    const outcomes = records.map((record): RecordOutcome => {
      if (sizeOf(record) > maxBytes) return { kind: 'absent', failure: failures.recordTooLarge };
      if (record.headers.some(([name]) => name.includes('\0'))) {
        return { kind: 'absent', failure: failures.badHeaderName };
      }
      return { kind: 'appended', offset: log.append(record, timestampMs), timestampMs };
    });
    this.#changed(partition);
    return outcomes;
  }

  /** What a group has committed for a partition. */
  committed(group: string, partition: TopicPartition): StoredOffset | undefined {
    return this.#groups.get(group)?.offsets.get(nameOf(partition));
  }

  /** What a member owns as its group's coordinator sees it, a revoke it has not answered included. */
  ownedBy(member: Membership): readonly TopicPartition[] {
    return this.#control(member).owned();
  }

  /** Throws a member out: its commits are fenced from now on, then it learns that all is lost, then it joins again. */
  evict(member: Membership): void {
    this.#control(member).evict();
  }

  /** Kills a member's process: it keeps its partitions until its session runs out, by the clock or {@link expire}. */
  crash(member: Membership): void {
    this.#control(member).crash();
  }

  /** Stops a member's process: it neither hears nor is heard, and its session runs out by the clock. */
  freeze(member: Membership): void {
    this.#control(member).freeze();
  }

  /** Ends a freeze: it hears what happened meanwhile. */
  thaw(member: Membership): void {
    this.#control(member).thaw();
  }

  /** Ends the sessions of all members that are out of contact (crashed, frozen, static ones that left). */
  expire(): void {
    for (const control of this.#members.values()) control.expire();
  }

  /** The coordinator of a group, which comes into being when first asked for. */
  group(name: string): Group {
    let group = this.#groups.get(name);
    if (group === undefined) {
      group = new Group({
        clock: this.clock,
        consumerSessionTimeoutMs: () => Number(this.brokerConfigs.get('group.consumer.session.timeout.ms')),
        exists: (partition) => this.log(partition) !== undefined,
        partitionsOf: (topic) =>
          (this.#topics.get(topic)?.logs ?? []).map((_log, partition) => ({ topic, partition })),
      });
      this.#groups.set(name, group);
    }
    return group;
  }

  /** Makes a member known to the methods above; also brings Kafka's own offsets topic into being. */
  enlist(member: Membership, control: MemberControl): void {
    this.#members.set(member, control);
    if (this.#topics.has('__consumer_offsets')) return;
    this.createTopic('__consumer_offsets', {
      partitions: Number(this.brokerConfigs.get('offsets.topic.num.partitions')),
      replicationFactor: Math.min(
        Number(this.brokerConfigs.get('offsets.topic.replication.factor')),
        this.brokerCount,
      ),
      configs: offsetsTopicConfigs,
    });
  }

  /** Calls back with each partition whose log changed; returns how to stop. */
  watch(onChange: (partition: TopicPartition) => void): () => void {
    this.#watchers.add(onChange);
    return () => this.#watchers.delete(onChange);
  }

  #changed(partition: TopicPartition): void {
    for (const watcher of this.#watchers) watcher(partition);
  }

  #reconcileGroups(): void {
    for (const group of this.#groups.values()) group.reconcile();
  }

  #control(member: Membership): MemberControl {
    const control = this.#members.get(member);
    if (control === undefined) throw new Error('This member never joined this cluster');
    return control;
  }

  #topicOrThrow(name: string): MemoryTopic {
    const topic = this.#topics.get(name);
    if (topic === undefined) throw new Error(`Topic ${name} does not exist`);
    return topic;
  }
}
