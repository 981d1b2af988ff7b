import type { LeaderEnd, PastLeader } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { byTopic, eachLeader } from './leaders.ts';
import type { Library } from './library.ts';
import { type ClusterView, epochIn, UNKNOWN_TOPIC } from './metadata.ts';
import { type Attempt, type Connection, send } from './requests.ts';
import { offers } from './require-apis.ts';

const OFFSET_FOR_LEADER_EPOCH = { apiKey: 23, version: 4 };
const UNSUPPORTED_VERSION = 35;
/** A client asks, not a replica. */
const NO_REPLICA = -1;

/**
 * What the leaders of these partitions have of earlier ones. Each is asked under the epoch that the metadata gives it: one
 * that was replaced and does not know it yet refuses, and so does one that is newer than the metadata.
 */
export async function readLeaderEnds(
  attempt: Attempt,
  leaders: readonly PastLeader[],
): Promise<readonly LeaderEnd[]> {
  const ends = new Map<string, Pick<LeaderEnd, 'presentEpoch' | 'end'>>();
  await eachLeader(attempt, leaders, (connection, asked, view) =>
    askLeader({ attempt, connection, view }, asked, ends),
  );
  return leaders.map((one) => {
    const end = ends.get(nameOf(one));
    if (end === undefined)
      throw new BrokerRefusal(UNKNOWN_TOPIC, `the leader said nothing of ${nameOf(one)}`);
    return { topic: one.topic, partition: one.partition, leaderEpoch: one.leaderEpoch, ...end };
  });
}

async function askLeader(
  at: { readonly attempt: Attempt; readonly connection: Connection; readonly view: ClusterView },
  asked: readonly PastLeader[],
  into: Map<string, Pick<LeaderEnd, 'presentEpoch' | 'end'>>,
): Promise<void> {
  const { attempt, connection, view } = at;
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
  for (const { topic, partitions } of answer) {
    for (const { partition, errorCode, endOffset } of partitions) {
      const name = nameOf({ topic, partition });
      if (errorCode !== 0) throw new BrokerRefusal(errorCode, `where a leader of ${name} ended`);
      const end = endOffset < 0n ? undefined : Number(endOffset);
      into.set(name, { presentEpoch: epochIn(view, { topic, partition }), end });
    }
  }
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

function nameOf({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}/${partition}`;
}
