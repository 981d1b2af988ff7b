import type { CommittedOffset, TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { findCoordinator } from './groups.ts';
import { byTopic } from './leaders.ts';
import { UNKNOWN_TOPIC } from './metadata.ts';
import { type Attempt, send } from './requests.ts';

/** What a group has committed. Whatever the broker does not say plainly is an error, never "nothing". */
export async function readCommittedOffsets(
  attempt: Attempt,
  group: string,
  partitions: readonly TopicPartition[],
): Promise<readonly CommittedOffset[]> {
  if (partitions.length === 0) return [];
  const coordinator = await findCoordinator(attempt, group);
  const topics = byTopic(partitions, ({ partition }) => partition).map(({ name, partitions: indexes }) => ({
    name,
    partitionIndexes: indexes,
  }));
  const { offsetFetchV8 } = attempt.library;
  // Member and epoch are fields of later versions.
  const asked = { groupId: group, memberId: null, memberEpoch: -1, topics };
  const answer = await send(offsetFetchV8.api, coordinator, [asked], false);
  const found = new Map<string, CommittedOffset>();
  for (const { groupId, errorCode, topics: answered } of answer.groups) {
    if (errorCode !== 0) throw new BrokerRefusal(errorCode, `the committed offsets of group '${groupId}'`);
    for (const topic of answered) {
      for (const entry of topic.partitions) {
        const { partitionIndex: partition, committedOffset } = entry;
        if (entry.errorCode !== 0) {
          const what = `what group '${groupId}' committed for partition ${partition} of ${topic.name}`;
          throw new BrokerRefusal(entry.errorCode, what);
        }
        found.set(`${topic.name}/${partition}`, {
          topic: topic.name,
          partition,
          offset: committedOffset < 0n ? undefined : Number(committedOffset),
          metadata: textOf(entry.metadata),
        });
      }
    }
  }
  return partitions.map(({ topic, partition }) => {
    const one = found.get(`${topic}/${partition}`);
    if (one !== undefined) return one;
    const what = `the coordinator said nothing of partition ${partition} of ${topic} in group '${group}'`;
    throw new BrokerRefusal(UNKNOWN_TOPIC, what);
  });
}

/** The data client stores the NUL behind its string with it, and reads up to it. */
function textOf(metadata: string | null | undefined): string {
  return metadata?.split('\0', 1)[0] ?? '';
}
