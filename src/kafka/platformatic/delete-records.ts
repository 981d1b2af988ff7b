import type { DeleteOutcome } from '../admin.ts';
import type { Position } from '../port.ts';
import { BrokerRefusal, classifyFailure } from './classify-failure.ts';
import { type Answer, type Answers, askEach, byTopic, type Leader, placeName } from './leaders.ts';
import { type Attempt, send } from './requests.ts';

/** Shorter than the client's request timeout, so that the broker's own answer comes first. */
const BROKER_TIMEOUT_MS = 10_000;

const OFFSET_OUT_OF_RANGE = 1;

/** Moves log starts up, each by its partition's leader. Only what concerns no partition in particular is thrown. */
export async function deleteRecords(
  attempt: Attempt,
  positions: readonly Position[],
  mayGo: (position: Position) => boolean,
): Promise<readonly DeleteOutcome[]> {
  const sound = positions.filter(isSound);
  const answers = await askEach(attempt, sound, (leader, led) => deleteAtLeader(leader, led, mayGo));
  const outcomes = new Map(sound.map((position, nth) => [position, answers[nth]]));
  return positions.map((position) => {
    const { topic, partition } = position;
    const answer = outcomes.get(position) ?? { error: refusalOf(position) };
    if ('told' in answer) return { topic, partition, logStart: answer.told, failure: undefined };
    return { topic, partition, logStart: undefined, failure: classifyFailure(answer.error) };
  });
}

/** -1 means "everything" to a broker. Nobody here means that. */
function isSound({ offset }: Position): boolean {
  return Number.isSafeInteger(offset) && offset >= 0;
}

function refusalOf({ topic, partition, offset }: Position): BrokerRefusal {
  return new BrokerRefusal(
    OFFSET_OUT_OF_RANGE,
    `${offset} is no offset of partition ${partition} of ${topic}`,
  );
}

/** Tells where each log starts now; of those that may not go, nothing. */
async function deleteAtLeader(
  { attempt, connection }: Leader,
  positions: readonly Position[],
  mayGo: (position: Position) => boolean,
): Promise<Answers<number | undefined>> {
  // Nothing is waited for between this and the request: metadata and the connection may have taken a minute.
  const going = positions.filter(mayGo);
  const answers = new Map<string, Answer<number | undefined>>();
  for (const one of positions) if (!going.includes(one)) answers.set(placeName(one), { told: undefined });
  if (going.length === 0) return answers;
  const asked = byTopic(going, ({ partition, offset }) => ({
    partitionIndex: partition,
    offset: BigInt(offset),
  }));
  const answer = await send(attempt.library.deleteRecordsV2.api, connection, asked, BROKER_TIMEOUT_MS);
  for (const { name: topic, partitions } of answer.topics) {
    for (const { partitionIndex: partition, errorCode, lowWatermark } of partitions) {
      const what = `the broker refused to delete records of partition ${partition} of ${topic}`;
      answers.set(
        placeName({ topic, partition }),
        errorCode === 0 ? { told: Number(lowWatermark) } : { error: new BrokerRefusal(errorCode, what) },
      );
    }
  }
  return answers;
}
