import type { LogEnds, OffsetForTime, TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { byTopic, eachLeader } from './leaders.ts';
import { type ClusterView, epochIn, UNKNOWN_TOPIC } from './metadata.ts';
import { type Attempt, type Connection, send } from './requests.ts';

const EARLIEST = -2n;
const LATEST = -1n;
/** What a broker answers when no record is young enough. */
const NONE = -1;
/** The high watermark, not the last stable offset. */
const READ_UNCOMMITTED = 0;

/** Log start and high watermark of partitions: two requests a leader, however many partitions. */
export async function readLogEnds(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<readonly LogEnds[]> {
  const starts = new Map<string, number>();
  const ends = new Map<string, number>();
  await eachLeader(attempt, partitions, async (connection, asked, view) => {
    const at = { attempt, connection, view };
    await Promise.all([
      listOffsets(at, { partitions: asked, timestamp: EARLIEST, into: starts }),
      listOffsets(at, { partitions: asked, timestamp: LATEST, into: ends }),
    ]);
  });
  return partitions.map((place) => ({
    topic: place.topic,
    partition: place.partition,
    start: answerFor(starts, place),
    end: answerFor(ends, place),
  }));
}

/** The first offset of each partition whose record is not older than that time. */
export async function readOffsetsForTime(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<readonly OffsetForTime[]> {
  // Times below 0 have meanings of their own in this request.
  const timestamp = BigInt(Math.max(0, Math.ceil(timestampMs)));
  const offsets = new Map<string, number>();
  await eachLeader(attempt, partitions, (connection, asked, view) =>
    listOffsets({ attempt, connection, view }, { partitions: asked, timestamp, into: offsets }),
  );
  return partitions.map((place) => {
    const offset = answerFor(offsets, place);
    return {
      topic: place.topic,
      partition: place.partition,
      offset: offset === NONE ? undefined : offset,
    };
  });
}

function answerFor(answers: ReadonlyMap<string, number>, { topic, partition }: TopicPartition): number {
  const answer = answers.get(`${topic}/${partition}`);
  if (answer !== undefined) return answer;
  throw new BrokerRefusal(UNKNOWN_TOPIC, `the leader said nothing of partition ${partition} of ${topic}`);
}

/** Asks under the epochs that the metadata gives: a leader that was replaced, and does not know it yet, refuses a newer one. */
async function listOffsets(
  {
    attempt: { library },
    connection,
    view,
  }: { readonly attempt: Attempt; readonly connection: Connection; readonly view: ClusterView },
  {
    partitions,
    timestamp,
    into,
  }: {
    readonly partitions: readonly TopicPartition[];
    readonly timestamp: bigint;
    readonly into: Map<string, number>;
  },
): Promise<void> {
  const topics = byTopic(partitions, ({ topic, partition }) => ({
    partitionIndex: partition,
    currentLeaderEpoch: epochIn(view, { topic, partition }),
    timestamp,
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
