import { setTimeout as wait } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';

/** What operators do to a cluster behind keylane's back. */
export interface ClusterAdmin {
  /** Resolves when the group has no member left. */
  untilEmpty(group: string, timeoutMs: number): Promise<void>;
  /** Kafka: the group's own consumer.session.timeout.ms, for KIP-848 members. */
  setSession(group: string, sessionMs: number): Promise<void>;
  /** Kafka: OffsetDelete. */
  deleteOffsets(group: string, topic: string, partitions: number): Promise<void>;
  /** Kafka: DeleteGroups, which is also what is left of a group that has expired: nothing. */
  deleteGroup(group: string): Promise<void>;
  /** Resolves when it is gone, so that whoever needs it next makes it anew. */
  deleteTopic(topic: string): Promise<void>;
  /** Partitions of the topic in which the group has committed something. */
  committedPartitions(group: string, topic: string, partitions: number): Promise<number>;
  close(): Promise<void>;
}

const AGAIN_MS = 100;
/** As Kafka's protocol numbers them. */
const GROUP = 32;
const SET = 0;

export function clusterAdmin(brokers: readonly string[]): ClusterAdmin {
  const admin = new Admin({
    clientId: 'keylane-faults',
    bootstrapBrokers: [...brokers],
    retries: 10,
    retryDelay: 200,
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
    setSession: (group, sessionMs) =>
      admin.incrementalAlterConfigs({
        resources: [
          {
            resourceType: GROUP,
            resourceName: group,
            configs: [
              { name: 'consumer.session.timeout.ms', configOperation: SET, value: String(sessionMs) },
            ],
          },
        ],
      }),
    async deleteOffsets(group, topic, partitions) {
      await admin.deleteConsumerGroupOffsets({
        groupId: group,
        topics: [{ name: topic, partitionIndexes: indexes(partitions) }],
      });
    },
    deleteGroup: (group) => admin.deleteGroups({ groups: [group] }),
    async deleteTopic(topic) {
      await admin.deleteTopics({ topics: [topic] });
      while ((await admin.listTopics()).includes(topic)) await wait(AGAIN_MS);
    },
    async committedPartitions(group, topic, partitions) {
      const groups = await admin.listConsumerGroupOffsets({
        groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes: indexes(partitions) }] }],
      });
      const found = groups.flatMap((g) => g.topics.flatMap((t) => t.partitions));
      return found.filter((p) => p.committedOffset >= 0n).length;
    },
    close: () => admin.close(),
  };
}

function indexes(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export interface SessionOptions {
  readonly brokers: readonly string[];
  readonly say: (line: string) => void;
}

/** For KIP-848 members of the group. Brokers that do not let it have a session of its own only make the run longer. */
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
