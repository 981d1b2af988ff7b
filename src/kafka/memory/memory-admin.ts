import type {
  Admin,
  ConfigMap,
  DeleteOutcome,
  GroupMember,
  LeaderEnd,
  LogEnds,
  OffsetForTime,
  PastLeader,
  Told,
  TopicDescription,
  TopicSpec,
} from '../admin.ts';
import type { CommittedOffset, GroupProtocol, KafkaFailure, Position, TopicPartition } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import { isTopicSetting } from './cluster-configs.ts';
import { failures, unknownTopic } from './failures.ts';
import type { AdminCall } from './faults.ts';
import type { MemoryCluster, MemoryTopic } from './memory-cluster.ts';
import type { PartitionLog } from './partition-log.ts';
import { nameOf } from './partition-name.ts';

/** The control plane of a {@link MemoryCluster}. */
export class MemoryAdmin implements Admin {
  readonly #cluster: MemoryCluster;
  #closed = false;

  constructor(cluster: MemoryCluster) {
    this.#cluster = cluster;
  }

  describeTopics(names: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    return this.#run('describeTopics', () => {
      const known = names.flatMap((name) => {
        if (!isTopicName(name)) return refuse(invalidName(name));
        const topic = this.#cluster.topics.get(name);
        return topic === undefined ? [] : [[name, this.#describe(name, topic)] as const];
      });
      return new Map(known);
    });
  }

  topicConfigs(name: string): Promise<ConfigMap> {
    return this.#run('topicConfigs', () => {
      const topic = this.#cluster.topics.get(name);
      return topic === undefined ? refuse(unknownTopic({ topic: name })) : this.#cluster.topicConfigs(topic);
    });
  }

  brokerConfigs(): Promise<ConfigMap> {
    return this.#run('brokerConfigs', () => new Map(this.#cluster.brokerConfigs));
  }

  brokerCount(): Promise<number> {
    return this.#run('brokerCount', () => this.#cluster.brokerCount);
  }

  createTopics(
    specs: readonly TopicSpec[],
  ): Promise<{ readonly created: readonly string[]; readonly existed: readonly string[] }> {
    return this.#run('createTopics', () => {
      const existed = specs.map(({ name }) => name).filter((name) => this.#cluster.topics.has(name));
      const missing = specs.filter(({ name }) => !existed.includes(name));
      const refusals = missing.flatMap((spec) => {
        const refusal = this.#creationRefusal(spec);
        if (refusal === undefined) this.#cluster.createTopic(spec.name, spec);
        return refusal ?? [];
      });
      // Like Kafka, it creates what it can: one topic's refusal is not another's.
      const [refusal] = refusals;
      if (refusal !== undefined) return refuse(refusal);
      return { created: missing.map(({ name }) => name), existed };
    });
  }

  logEnds(partitions: readonly TopicPartition[]): Promise<readonly LogEnds[]> {
    return this.#run('logEnds', () => partitions.map((partition) => this.#log(partition).ends));
  }

  eachLogEnds(partitions: readonly TopicPartition[]): Promise<readonly Told<LogEnds>[]> {
    return this.#run('eachLogEnds', () => this.#each(partitions, (log) => log.ends));
  }

  leaderEnds(leaders: readonly PastLeader[]): Promise<readonly Told<LeaderEnd>[]> {
    return this.#run('leaderEnds', () =>
      this.#each(leaders, (log, { topic, partition, leaderEpoch }) => {
        const end = log.leaders.endOf(leaderEpoch, log.ends.end);
        return { topic, partition, leaderEpoch, presentEpoch: log.leaders.present, end };
      }),
    );
  }

  deleteRecords(
    positions: readonly Position[],
    mayGo: (position: Position) => boolean = () => true,
  ): Promise<readonly DeleteOutcome[]> {
    return this.#run('deleteRecords', () =>
      positions.map((position) => {
        const { topic, partition, offset } = position;
        if (!mayGo(position)) return { topic, partition, logStart: undefined, failure: undefined };
        const failure = this.#cluster.deletionRefusal({ topic, partition, offset });
        if (failure !== undefined) return { topic, partition, logStart: undefined, failure };
        this.#cluster.deleteRecords({ topic, partition }, offset);
        const logStart = this.#cluster.log({ topic, partition })?.ends.start;
        return { topic, partition, logStart, failure: undefined };
      }),
    );
  }

  offsetsForTime(
    partitions: readonly TopicPartition[],
    timestampMs: number,
  ): Promise<readonly Told<OffsetForTime>[]> {
    return this.#run('offsetsForTime', () =>
      this.#each(partitions, (log, { topic, partition }) => ({
        topic,
        partition,
        offset: log.offsetForTime(timestampMs),
      })),
    );
  }

  committedOffsets(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly CommittedOffset[]> {
    return this.#run('committedOffsets', () =>
      partitions.map(({ topic, partition }) => {
        const stored = this.#cluster.committed(group, { topic, partition });
        return { topic, partition, offset: stored?.offset, metadata: stored?.metadata ?? '' };
      }),
    );
  }

  logSizes(partitions: readonly TopicPartition[]): Promise<ReadonlyMap<string, number>> {
    return this.#run(
      'logSizes',
      () => new Map(partitions.map((partition) => [nameOf(partition), this.#log(partition).bytes])),
    );
  }

  groupProtocol(group: string): Promise<GroupProtocol | 'none'> {
    return this.#run('groupProtocol', () => this.#cluster.group(group).protocol ?? 'none');
  }

  groupMembers(group: string): Promise<readonly GroupMember[]> {
    return this.#run('groupMembers', () => {
      const described = this.#cluster.group(group);
      return described.protocol === 'consumer' ? described.describe() : [];
    });
  }

  offersConsumerProtocol(): Promise<boolean> {
    return this.#run('offersConsumerProtocol', () => this.#cluster.consumerProtocol);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #run<T>(call: AdminCall, answer: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#cluster.schedule(() => {
        try {
          const failure = this.#closed ? failures.closed : this.#cluster.faults.takeAdmin(call);
          if (failure !== undefined) refuse(failure);
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #log(partition: TopicPartition): PartitionLog {
    const found = this.#ledLog(partition);
    return 'kind' in found ? refuse(found) : found;
  }

  #ledLog(partition: TopicPartition): PartitionLog | KafkaFailure {
    const log = this.#cluster.log(partition);
    if (log === undefined) return unknownTopic(partition);
    return this.#cluster.faults.isLeaderless(partition) ? failures.noLeader : log;
  }

  #each<P extends TopicPartition, T extends TopicPartition>(
    places: readonly P[],
    tell: (log: PartitionLog, place: P) => T,
  ): readonly Told<T>[] {
    return places.map((place): Told<T> => {
      const log = this.#ledLog(place);
      if (!('kind' in log)) return tell(log, place);
      return { topic: place.topic, partition: place.partition, failure: log };
    });
  }

  #describe(name: string, { id, logs, replicationFactor }: MemoryTopic): TopicDescription {
    const { brokerCount: brokers, faults } = this.#cluster;
    const partitions = logs.map((_log, partition) => {
      const replicas = Array.from(
        { length: replicationFactor },
        (_, nth) => ((partition + nth) % brokers) + 1,
      );
      const leader = faults.isLeaderless({ topic: name, partition }) ? undefined : replicas[0];
      return { partition, leader, replicas, inSyncReplicas: replicas };
    });
    return { name, id, partitions };
  }

  #creationRefusal({ name, partitions, replicationFactor, configs }: TopicSpec): KafkaFailure | undefined {
    const of = (code: number, message: string): KafkaFailure => ({
      kind: 'other',
      code,
      message: `${name}: ${message}`,
    });
    if (!isTopicName(name)) return invalidName(name);
    if (!(partitions >= 1)) return of(37, `${partitions} partitions`);
    const brokers = this.#cluster.brokerCount;
    if (replicationFactor > brokers) return of(38, `${replicationFactor} replicas on ${brokers} brokers`);
    const unknown = Object.keys(configs).find((config) => !isTopicSetting(config));
    return unknown === undefined ? undefined : of(40, `unknown config ${unknown}`);
  }
}

function refuse(failure: KafkaFailure): never {
  throw new KafkaRequestError('The in-memory cluster refused', failure);
}

function isTopicName(name: string): boolean {
  return /^[a-zA-Z0-9._-]{1,249}$/.test(name);
}

function invalidName(name: string): KafkaFailure {
  return { kind: 'other', code: 17, message: `${name} cannot be a topic's name` };
}
