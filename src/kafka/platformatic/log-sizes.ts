import type { TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { byTopic, eachLeader } from './leaders.ts';
import { type Attempt, send } from './requests.ts';
import { offers } from './require-apis.ts';

/** The first version that says whether the whole request was allowed is 3; 4 is offered by every Kafka since 3.3. */
const DESCRIBE_LOG_DIRS = { apiKey: 35, version: 4 };

const NOT_LEADER_OR_FOLLOWER = 6;
const UNSUPPORTED_VERSION = 35;

/** Bytes of each partition's log at its leader, keyed `topic/partition`. */
export async function readLogSizes(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<ReadonlyMap<string, number>> {
  const sizes = new Map<string, number>();
  await eachLeader(attempt, partitions, async (connection, asked) => {
    // Clusters that are no Kafka inside offer no log directories, and hang up when asked for them.
    if (!(await offers(attempt, connection, DESCRIBE_LOG_DIRS))) {
      throw new BrokerRefusal(UNSUPPORTED_VERSION, 'the broker does not tell the sizes of its logs');
    }
    const topics = byTopic(asked, ({ partition }) => partition);
    const answer = await send(attempt.library.describeLogDirsV4.api, connection, topics);
    if (answer.errorCode !== 0) throw new BrokerRefusal(answer.errorCode, 'the sizes of the logs');
    let trouble = NOT_LEADER_OR_FOLLOWER;
    for (const directory of answer.results) {
      if (directory.errorCode !== 0) trouble = directory.errorCode;
      for (const { name, partitions: found } of directory.topics) {
        for (const { partitionIndex, partitionSize, isFutureKey } of found) {
          // A future replica is the same log on its way to another directory.
          if (!isFutureKey) sizes.set(`${name}/${partitionIndex}`, Number(partitionSize));
        }
      }
    }
    const silent = asked.find(({ topic, partition }) => !sizes.has(`${topic}/${partition}`));
    if (silent === undefined) return;
    throw new BrokerRefusal(
      trouble,
      `the leader has no log of partition ${silent.partition} of ${silent.topic}`,
    );
  });
  return sizes;
}
