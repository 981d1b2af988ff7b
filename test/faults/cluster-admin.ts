import { setTimeout as wait } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';

/** What operators do to a cluster behind keylane's back. */
export interface ClusterAdmin {
  /** Resolves when the group has no member left. */
  untilEmpty(group: string, timeoutMs: number): Promise<void>;
  /** Kafka: the group's own consumer.session.timeout.ms, for KIP-848 members. */
  setSession(group: string, sessionMs: number): Promise<void>;
  /** Kafka: the group's own consumer.heartbeat.interval.ms, for KIP-848 members. */
  setHeartbeats(group: string, everyMs: number): Promise<void>;
  /** Kafka: OffsetDelete. */
  deleteOffsets(group: string, topic: string, partitions: number): Promise<void>;
  /** Kafka: DeleteGroups, which is also what is left of a group that has expired: nothing. */
  deleteGroup(group: string): Promise<void>;
  /** Resolves when every broker knows that it is gone, so that whoever needs it next makes it anew. */
  deleteTopic(topic: string): Promise<void>;
  /** What the group has committed, by partition; undefined where it has nothing. Kafka: OffsetFetch. */
  committed(group: string, topic: string, partitions: number): Promise<readonly (number | undefined)[]>;
  /** Sets a group's offsets, as operators do who want tasks to run again. The group must be empty. Kafka: OffsetCommit. */
  setOffsets(group: string, topic: string, offsets: ReadonlyMap<number, number>): Promise<void>;
  /** Log start and end, by partition. */
  logs(topic: string, partitions: number): Promise<readonly LogSpan[]>;
  /** The first offset whose record is at least as new, by partition; undefined where there is none. */
  offsetsSince(
    topic: string,
    partitions: number,
    timestampMs: number,
  ): Promise<readonly (number | undefined)[]>;
  /** Everything below the offset goes. Kafka: DeleteRecords. */
  deleteRecords(topic: string, partition: number, below: number): Promise<void>;
  close(): Promise<void>;
}

export interface LogSpan {
  readonly start: number;
  readonly end: number;
}

const AGAIN_MS = 100;
/** Kafka's names for the ends of a log, in the place of a time. */
const EARLIEST = -2n;
const LATEST = -1n;
/** As Kafka's protocol numbers them. */
const GROUP = 32;
const SET = 0;

/** Brokers hear of such things one after the other. */
async function untilUnknown(broker: string, topic: string): Promise<void> {
  const admin = new Admin({ clientId: 'keylane-faults', bootstrapBrokers: [broker] });
  try {
    while ((await admin.listTopics()).includes(topic)) await wait(AGAIN_MS);
  } finally {
    await admin.close();
  }
}

export function clusterAdmin(brokers: readonly string[]): ClusterAdmin {
  const admin = new Admin({
    clientId: 'keylane-faults',
    bootstrapBrokers: [...brokers],
    retries: 10,
    retryDelay: 200,
  });
  const setGroup = (group: string, name: string, value: number): Promise<void> =>
    admin.incrementalAlterConfigs({
      resources: [
        {
          resourceType: GROUP,
          resourceName: group,
          configs: [{ name, configOperation: SET, value: String(value) }],
        },
      ],
    });
  return {
    async untilEmpty(group, timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const groups = await admin.listGroups();
        const state = groups.get(group)?.state;
        if (state === undefined || String(state).toLowerCase() === 'empty') return;
        if (performance.now() > deadline) throw new Error(`group ${group} is ${state} after ${timeoutMs} ms`);
        await wait(AGAIN_MS);
      }
    },
    setSession: (group, sessionMs) => setGroup(group, 'consumer.session.timeout.ms', sessionMs),
    setHeartbeats: (group, everyMs) => setGroup(group, 'consumer.heartbeat.interval.ms', everyMs),
    async deleteOffsets(group, topic, partitions) {
      await admin.deleteConsumerGroupOffsets({
        groupId: group,
        topics: [{ name: topic, partitionIndexes: indexes(partitions) }],
      });
    },
    deleteGroup: (group) => admin.deleteGroups({ groups: [group] }),
    async deleteTopic(topic) {
      await admin.deleteTopics({ topics: [topic] });
      await Promise.all(brokers.map((broker) => untilUnknown(broker, topic)));
    },
    async committed(group, topic, partitions) {
      const groups = await admin.listConsumerGroupOffsets({
        groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: indexes(partitions) }] }],
      });
      const found = groups.flatMap((g) => g.topics.flatMap((t) => t.partitions));
      return indexes(partitions).map((partition) => {
        const own = found.find((p) => p.partitionIndex === partition);
        return own === undefined || own.committedOffset < 0n ? undefined : Number(own.committedOffset);
      });
    },
    async setOffsets(group, topic, offsets) {
      const partitionOffsets = [...offsets].map(([partition, offset]) => ({
        partition,
        offset: BigInt(offset),
      }));
      await admin.alterConsumerGroupOffsets({ groupId: group, topics: [{ name: topic, partitionOffsets }] });
    },
    async logs(topic, partitions) {
      const [starts, ends] = await Promise.all([
        offsetsAt(admin, topic, partitions, EARLIEST),
        offsetsAt(admin, topic, partitions, LATEST),
      ]);
      return starts.map((start, partition) => ({ start, end: ends[partition] ?? start }));
    },
    async offsetsSince(topic, partitions, timestampMs) {
      const found = await offsetsAt(admin, topic, partitions, BigInt(Math.floor(timestampMs)));
      return found.map((offset) => (offset < 0 ? undefined : offset));
    },
    async deleteRecords(topic, partition, below) {
      await admin.deleteRecords({
        topics: [{ name: topic, partitions: [{ partition, offset: BigInt(below) }] }],
      });
    },
    close: () => admin.close(),
  };
}

async function offsetsAt(
  admin: Admin,
  topic: string,
  partitions: number,
  timestamp: bigint,
): Promise<number[]> {
  const asked = indexes(partitions).map((partitionIndex) => ({ partitionIndex, timestamp }));
  const topics = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
  const found = topics.flatMap((t) => t.partitions);
  return indexes(partitions).map((partition) => {
    const own = found.find((p) => p.partitionIndex === partition);
    if (own === undefined) throw new Error(`nothing was said of partition ${partition} of ${topic}`);
    return Number(own.offset);
  });
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/**
 * For KIP-848 members without keylane's own cure. librdkafka drops the answer to a heartbeat that takes longer than the
 * heartbeats are apart, and a coordinator tells a member what it gets only once: with a second in between, a broker that
 * stands still for one is enough.
 */
export async function calmGroup(brokers: readonly string[], group: string): Promise<void> {
  const admin = clusterAdmin(brokers);
  try {
    await admin.setHeartbeats(group, CALM_HEARTBEAT_MS);
  } catch {
    // Brokers that let no group have so short an interval have a longer one themselves.
  } finally {
    await admin.close();
  }
}

const CALM_HEARTBEAT_MS = 3_000;

export interface SessionOptions {
  readonly brokers: readonly string[];
  readonly say: (line: string) => void;
}

/** For KIP-848 members of the group. Where brokers do not let it have a session of its own the run takes as long as theirs. */
export async function trySession({ brokers, say }: SessionOptions, group: string, ms: number): Promise<void> {
  const admin = clusterAdmin(brokers);
  try {
    await admin.setSession(group, ms);
  } catch (error) {
    say(`the session of ${group} stays as the brokers have it: ${String(error)}`);
  } finally {
    await admin.close();
  }
}
