import type { LogEnds, OffsetForTime, Told } from '../admin.ts';
import type { TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import {
  type Answer,
  type Answers,
  allTold,
  askEach,
  byTopic,
  type Leader,
  placeName,
  toTold,
} from './leaders.ts';
import { epochIn } from './metadata.ts';
import { type Attempt, send } from './requests.ts';

const EARLIEST = -2n;
const LATEST = -1n;
/** What a broker answers when no record is young enough. */
const NONE = -1;
/** The high watermark, not the last stable offset. */
const READ_UNCOMMITTED = 0;

type Ends = Pick<LogEnds, 'start' | 'end'>;

/** Log start and high watermark of partitions, as far as they are told: two requests a leader, however many partitions. */
export async function readEachLogEnds(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<readonly Told<LogEnds>[]> {
  return toTold(partitions, await askForEnds(attempt, partitions), endsOf);
}

/** The same of all of them: throws when one is not told. */
export async function readLogEnds(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<readonly LogEnds[]> {
  return allTold(partitions, await askForEnds(attempt, partitions), endsOf);
}

/** The first offset of each partition whose record is not older than that time. */
export async function readOffsetsForTime(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<readonly Told<OffsetForTime>[]> {
  // Times below 0 have meanings of their own in this request.
  const timestamp = BigInt(Math.max(0, Math.ceil(timestampMs)));
  const answers = await askEach(attempt, partitions, (leader, led) => listOffsets(leader, led, timestamp));
  return toTold(partitions, answers, ({ topic, partition }, offset) => ({
    topic,
    partition,
    offset: offset === NONE ? undefined : offset,
  }));
}

function endsOf({ topic, partition }: TopicPartition, { start, end }: Ends): LogEnds {
  return { topic, partition, start, end };
}

function askForEnds(
  attempt: Attempt,
  partitions: readonly TopicPartition[],
): Promise<readonly Answer<Ends>[]> {
  return askEach(attempt, partitions, async (leader, led) => {
    const [starts, ends] = await Promise.all([
      listOffsets(leader, led, EARLIEST),
      listOffsets(leader, led, LATEST),
    ]);
    const answers = new Map<string, Answer<Ends>>();
    for (const [name, start] of starts) {
      const end = ends.get(name);
      if (end === undefined) continue; // of one of the two nothing was said
      if ('error' in start) answers.set(name, start);
      else answers.set(name, 'error' in end ? end : { told: { start: start.told, end: end.told } });
    }
    return answers;
  });
}

/** Asks under the epochs that the metadata gives: a leader that was replaced, and does not know it yet, refuses a newer one. */
async function listOffsets(
  { attempt: { library }, connection, view }: Leader,
  partitions: readonly TopicPartition[],
  timestamp: bigint,
): Promise<Answers<number>> {
  const topics = byTopic(partitions, ({ topic, partition }) => ({
    partitionIndex: partition,
    currentLeaderEpoch: epochIn(view, { topic, partition }),
    timestamp,
  }));
  const answer = await send(library.listOffsetsV7.api, connection, -1, READ_UNCOMMITTED, topics);
  const answers = new Map<string, Answer<number>>();
  for (const { name: topic, partitions: told } of answer.topics) {
    for (const { partitionIndex: partition, errorCode, offset } of told) {
      const refusal = new BrokerRefusal(errorCode, `offsets of partition ${partition} of ${topic}`);
      answers.set(
        placeName({ topic, partition }),
        errorCode === 0 ? { told: Number(offset) } : { error: refusal },
      );
    }
  }
  return answers;
}
