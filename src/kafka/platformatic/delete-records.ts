import type { DeleteOutcome, KafkaFailure, Position, TopicPartition } from '../port.ts';
import { BrokerRefusal, classifyFailure } from './classify-failure.ts';
import { addTo, byTopic, topicsOf } from './leaders.ts';
import { connectionTo, leaderOf, type PartialView, readPartialMetadata, UNKNOWN_TOPIC } from './metadata.ts';
import { type Attempt, send } from './requests.ts';

/** Shorter than the client's request timeout, so that the broker's own answer comes first. */
const BROKER_TIMEOUT_MS = 10_000;

const OFFSET_OUT_OF_RANGE = 1;

type Result = Pick<DeleteOutcome, 'logStart' | 'failure'>;

/** Moves log starts up, each by its partition's leader. Only what concerns no partition in particular is thrown. */
export async function deleteRecords(
  attempt: Attempt,
  positions: readonly Position[],
): Promise<readonly DeleteOutcome[]> {
  if (positions.length === 0) return [];
  const results = new Map<string, Result>();
  const view = await readPartialMetadata(attempt, topicsOf(positions));
  const byLeader = new Map<number, Position[]>();
  for (const position of positions) {
    const leader = refusalOf(position) ?? leaderOf(view, position);
    if (typeof leader !== 'number') results.set(keyOf(position), failed(leader));
    else addTo(byLeader, leader, position);
  }
  await Promise.all(
    [...byLeader].map(([leader, led]) => deleteAtLeader({ attempt, view, leader }, led, results)),
  );
  return positions.map(({ topic, partition }) => {
    const result = results.get(keyOf({ topic, partition })) ?? failed(silence({ topic, partition }));
    return { topic, partition, ...result };
  });
}

/** -1 means "everything" to a broker. Nobody here means that. */
function refusalOf({ topic, partition, offset }: Position): BrokerRefusal | undefined {
  if (Number.isSafeInteger(offset) && offset >= 0) return undefined;
  return new BrokerRefusal(
    OFFSET_OUT_OF_RANGE,
    `${offset} is no offset of partition ${partition} of ${topic}`,
  );
}

async function deleteAtLeader(
  at: { readonly attempt: Attempt; readonly view: PartialView; readonly leader: number },
  positions: readonly Position[],
  results: Map<string, Result>,
): Promise<void> {
  try {
    const connection = await connectionTo(at.attempt, at.view, at.leader);
    const topics = byTopic(positions, ({ partition, offset }) => ({
      partitionIndex: partition,
      offset: BigInt(offset),
    }));
    const { deleteRecordsV2 } = at.attempt.library;
    const answer = await send(deleteRecordsV2.api, connection, topics, BROKER_TIMEOUT_MS);
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode, lowWatermark } of partitions) {
        const what = `the broker refused to delete records of partition ${partitionIndex} of ${name}`;
        const result: Result =
          errorCode === 0
            ? { logStart: Number(lowWatermark), failure: undefined }
            : failed(new BrokerRefusal(errorCode, what));
        results.set(keyOf({ topic: name, partition: partitionIndex }), result);
      }
    }
  } catch (error) {
    for (const position of positions) results.set(keyOf(position), failed(error));
  }
}

function failed(error: unknown): { readonly logStart: undefined; readonly failure: KafkaFailure } {
  return { logStart: undefined, failure: classifyFailure(error) };
}

function silence({ topic, partition }: TopicPartition): BrokerRefusal {
  return new BrokerRefusal(UNKNOWN_TOPIC, `the leader said nothing of partition ${partition} of ${topic}`);
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
