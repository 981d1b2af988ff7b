import type { GroupMember } from '../admin.ts';
import type { GroupProtocol, TopicPartition } from '../port.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { type Attempt, type Connection, send } from './requests.ts';

const GROUP = 0;
const GROUP_ID_NOT_FOUND = 69;
const UNSUPPORTED_VERSION = 35;
const CONSUMER_GROUP_HEARTBEAT = 68;
const CONSUMER_GROUP_DESCRIBE = 69;

/** States of a group without members. Whoever comes next chooses its protocol. */
const memberless: ReadonlySet<string> = new Set(['Dead', 'Empty']);

/**
 * The protocol that the members of a group speak. A group without members is `none`, whatever it was: Kafka converts
 * it to the protocol of its next member, committed offsets included.
 */
export async function readGroupProtocol(attempt: Attempt, group: string): Promise<GroupProtocol | 'none'> {
  const coordinator = await findCoordinator(attempt, group);
  const answer = await send(attempt.library.describeGroupsV5.api, coordinator, [group], false);
  for (const { errorCode, groupState } of answer.groups) {
    if (errorCode !== 0 && errorCode !== GROUP_ID_NOT_FOUND) {
      throw new BrokerRefusal(errorCode, `the broker refused to describe group '${group}'`);
    }
    if (errorCode === 0 && !memberless.has(groupState)) return 'classic';
  }
  // A KIP-848 group looks dead to the classic request.
  if (!(await listsConsumerApis(attempt, coordinator))) return 'none';
  const consumer = await describeConsumerGroup(attempt, coordinator, group);
  if (consumer.errorCode === 0) return memberless.has(consumer.state) ? 'none' : 'consumer';
  if (consumer.errorCode === GROUP_ID_NOT_FOUND || consumer.errorCode === UNSUPPORTED_VERSION) return 'none';
  throw new BrokerRefusal(consumer.errorCode, `the broker refused to describe group '${group}'`);
}

/**
 * Whether the cluster accepts KIP-848 members. Listing the request is not enough: Kafka 3.7 to 3.9 list it with the
 * protocol switched off, and 4.x can have `group.version` at 0 or `group.coordinator.rebalance.protocols` without it.
 * A broker checks all that first when asked to describe any such group, and that asks nothing of the principal.
 */
export async function readOffersConsumerProtocol(attempt: Attempt): Promise<boolean> {
  const connection = await attempt.connections.any();
  if (!(await listsConsumerApis(attempt, connection))) return false;
  const { errorCode } = await describeConsumerGroup(attempt, connection, 'keylane');
  return errorCode !== UNSUPPORTED_VERSION;
}

/** A connection to the broker that keeps this group. */
export async function findCoordinator({ library, connections }: Attempt, group: string): Promise<Connection> {
  const answer = await send(library.findCoordinatorV4.api, await connections.any(), GROUP, [group]);
  const found = answer.coordinators[0];
  if (found === undefined) throw new BrokerRefusal(15, `no coordinator was named for group '${group}'`);
  if (found.errorCode !== 0) {
    throw new BrokerRefusal(found.errorCode, found.errorMessage ?? `no coordinator for group '${group}'`);
  }
  return connections.to({ host: found.host, port: found.port });
}

async function listsConsumerApis({ library }: Attempt, connection: Connection): Promise<boolean> {
  const { apiKeys } = await send(library.apiVersionsV3.api, connection, 'keylane', '0');
  const listed = new Set(apiKeys.map((api) => api.apiKey));
  return listed.has(CONSUMER_GROUP_HEARTBEAT) && listed.has(CONSUMER_GROUP_DESCRIBE);
}

/** The members of a KIP-848 group. */
export async function readGroupMembers(attempt: Attempt, group: string): Promise<readonly GroupMember[]> {
  const coordinator = await findCoordinator(attempt, group);
  const { errorCode, members } = await describeConsumerGroup(attempt, coordinator, group);
  if (errorCode === GROUP_ID_NOT_FOUND) return [];
  if (errorCode !== 0) throw new BrokerRefusal(errorCode, `the broker refused to describe group '${group}'`);
  return members;
}

interface ConsumerGroup {
  readonly errorCode: number;
  readonly state: string;
  readonly members: readonly GroupMember[];
}

/**
 * Describes one KIP-848 group: the client's own parser takes the members' list of topics for a single string and fails on
 * any group that has members.
 */
async function describeConsumerGroup(
  { library }: Attempt,
  connection: Connection,
  group: string,
): Promise<ConsumerGroup> {
  const api = library.createAPI<[string[], boolean], ConsumerGroup>(
    CONSUMER_GROUP_DESCRIBE,
    0,
    library.consumerGroupDescribeV0.createRequest,
    (_correlationId, _key, _version, reader) => {
      reader.readInt32(); // throttle time
      reader.readUnsignedVarInt(); // number of groups: the one asked for
      const errorCode = reader.readInt16();
      reader.readNullableString(); // error message
      reader.readString(); // group id
      const state = reader.readString();
      reader.readInt32(); // group epoch
      reader.readInt32(); // assignment epoch
      reader.readString(); // assignor
      return { errorCode, state, members: reader.readArray(readMember) };
    },
  );
  return send(api, connection, [group], false);
}

type Fields = Parameters<Parameters<Attempt['library']['createAPI']>[3]>[3];

function readMember(reader: Fields): GroupMember {
  reader.readString(); // member id
  reader.readNullableString(); // instance id
  reader.readNullableString(); // rack
  reader.readInt32(); // member epoch
  reader.readString(); // client id
  reader.readString(); // host
  reader.readArray(() => reader.readString(), true, false); // subscribed topics
  reader.readNullableString(); // subscribed expression
  return { owns: readAssignment(reader), shouldOwn: readAssignment(reader) };
}

function readAssignment(reader: Fields): readonly TopicPartition[] {
  const topics = reader.readArray(() => {
    reader.readUUID(); // topic id
    const topic = reader.readString();
    return reader.readArray(() => ({ topic, partition: reader.readInt32() }), true, false);
  });
  reader.readTaggedFields();
  return topics.flat();
}
