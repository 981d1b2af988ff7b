import type { LeaderEnd, PastLeader, Told } from '../admin.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { type Answer, type Answers, askEach, byTopic, type Leader, placeName, toTold } from './leaders.ts';
import type { Library } from './library.ts';
import { epochIn } from './metadata.ts';
import { type Attempt, send } from './requests.ts';
import { offers } from './require-apis.ts';

const OFFSET_FOR_LEADER_EPOCH = { apiKey: 23, version: 4 };
const UNSUPPORTED_VERSION = 35;
/** A client asks, not a replica. */
const NO_REPLICA = -1;

type Left = Pick<LeaderEnd, 'presentEpoch' | 'end'>;

/**
 * What the leaders of these partitions have of earlier ones. Each is asked under the epoch that the metadata gives it: one
 * that was replaced and does not know it yet refuses, and so does one that is newer than the metadata.
 */
export async function readLeaderEnds(
  attempt: Attempt,
  leaders: readonly PastLeader[],
): Promise<readonly Told<LeaderEnd>[]> {
  const answers = await askEach(attempt, leaders, askLeader);
  return toTold(leaders, answers, ({ topic, partition, leaderEpoch }, left) => ({
    topic,
    partition,
    leaderEpoch,
    ...left,
  }));
}

async function askLeader(
  { attempt, connection, view }: Leader,
  asked: readonly PastLeader[],
): Promise<Answers<Left>> {
  // Clusters that are no Kafka inside may not offer it, and hang up when asked.
  if (!(await offers(attempt, connection, OFFSET_FOR_LEADER_EPOCH))) {
    throw new BrokerRefusal(UNSUPPORTED_VERSION, 'the broker does not tell where leaders ended');
  }
  const topics = byTopic(asked, ({ topic, partition, leaderEpoch }) => ({
    partitionIndex: partition,
    currentLeaderEpoch: epochIn(view, { topic, partition }),
    leaderEpoch,
  }));
  const answer = await send(apiOf(attempt.library), connection, NO_REPLICA, topics);
  const answers = new Map<string, Answer<Left>>();
  for (const { topic, partitions } of answer) {
    for (const { partition, errorCode, endOffset } of partitions) {
      const name = placeName({ topic, partition });
      const end = endOffset < 0n ? undefined : Number(endOffset);
      const presentEpoch = epochIn(view, { topic, partition });
      const refusal = new BrokerRefusal(errorCode, `where a leader of ${name} ended`);
      answers.set(name, errorCode === 0 ? { told: { presentEpoch, end } } : { error: refusal });
    }
  }
  return answers;
}

type ProtocolReader = InstanceType<Library['Reader']>;

/** The client's own parser of this answer takes the partition for the error code and the other way round (1.35.0). */
function apiOf({ createAPI, offsetForLeaderEpochV4 }: Library) {
  const { apiKey, version } = OFFSET_FOR_LEADER_EPOCH;
  return createAPI(apiKey, version, offsetForLeaderEpochV4.createRequest, parseAnswer);
}

function parseAnswer(_id: number, _apiKey: number, _version: number, reader: ProtocolReader) {
  reader.readInt32(); // how long the request was throttled
  return reader.readArray((topic) => ({
    topic: topic.readString(),
    partitions: topic.readArray((one) => {
      const errorCode = one.readInt16();
      const partition = one.readInt32();
      one.readInt32(); // the newest leader up to the one that was asked for
      return { partition, errorCode, endOffset: one.readInt64() };
    }),
  }));
}
