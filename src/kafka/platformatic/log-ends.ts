import type { LogEnds, TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { connectionTo, LEADER_NOT_AVAILABLE, readMetadata, UNKNOWN_TOPIC } from './metadata.ts';
import { type Attempt, type Connection, send } from './requests.ts';

const EARLIEST = -2n;
const LATEST = -1n;
/** The high watermark, not the last stable offset. */
const READ_UNCOMMITTED = 0;
/** Says "whatever the leader's epoch": a broker that is not the leader refuses all the same. */
const ANY_EPOCH = -1;

/** Log start and high watermark of partitions: two requests a leader, however many partitions. */
export async function readLogEnds(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<readonly LogEnds[]> {
  if (partitions.length === 0) return [];
  const view = await readMetadata(attempt, [...new Set(partitions.map((p) => p.topic))]);
  const byLeader = new Map<number, TopicPartition[]>();
  for (const { topic, partition } of partitions) {
    const known = view.topics.get(topic)?.partitions.find((p) => p.partition === partition);
    if (known === undefined) throw new BrokerRefusal(UNKNOWN_TOPIC, `${topic} has no partition ${partition}`);
    if (known.leader === undefined) {
      throw new BrokerRefusal(LEADER_NOT_AVAILABLE, `partition ${partition} of ${topic} has no leader`);
    }
    const same = byLeader.get(known.leader);
    if (same === undefined) byLeader.set(known.leader, [{ topic, partition }]);
    else same.push({ topic, partition });
  }
  const starts = new Map<string, number>();
  const ends = new Map<string, number>();
  await Promise.all(
    [...byLeader].map(async ([leader, asked]) => {
      const connection = await connectionTo(attempt, view, leader);
      await Promise.all([
        listOffsets(attempt, connection, asked, EARLIEST, starts),
        listOffsets(attempt, connection, asked, LATEST, ends),
      ]);
    }),
  );
  return partitions.map(({ topic, partition }) => {
    const start = starts.get(`${topic}/${partition}`);
    const end = ends.get(`${topic}/${partition}`);
    if (start === undefined || end === undefined) {
      throw new BrokerRefusal(UNKNOWN_TOPIC, `the leader said nothing of partition ${partition} of ${topic}`);
    }
    return { topic, partition, start, end };
  });
}

async function listOffsets(
  { library }: Attempt,
  connection: Connection,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
  into: Map<string, number>,
): Promise<void> {
  const names = [...new Set(partitions.map((p) => p.topic))];
  const topics = names.map((name) => ({
    name,
    partitions: partitions
      .filter((p) => p.topic === name)
      .map((p) => ({ partitionIndex: p.partition, currentLeaderEpoch: ANY_EPOCH, timestamp })),
  }));
  const answer = await send(library.listOffsetsV7.api, connection, -1, READ_UNCOMMITTED, topics);
  for (const topic of answer.topics) {
    for (const { partitionIndex, errorCode, offset } of topic.partitions) {
      if (errorCode !== 0) {
        throw new BrokerRefusal(errorCode, `offsets of partition ${partitionIndex} of ${topic.name}`);
      }
      into.set(`${topic.name}/${partitionIndex}`, Number(offset));
    }
  }
}
