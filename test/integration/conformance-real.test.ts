import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Connection, describeGroupsV5, findCoordinatorV4, leaveGroupV5 } from '@platformatic/kafka';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { TopicPartition } from '../../src/kafka/port.ts';
import { describeKafkaPort } from '../conformance/port-conformance.ts';
import type { WatchedMember } from '../conformance/watched-member.ts';
import { calmGroup } from '../faults/cluster-admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const clientId = 'conformance';

/** Kafka: DeleteRecords. */
async function deleteBefore({ topic, partition }: TopicPartition, offset: number): Promise<void> {
  const admin = new Admin({ clientId, bootstrapBrokers: kafkaBrokers() });
  await admin.deleteRecords({
    topics: [{ name: topic, partitions: [{ partition, offset: BigInt(offset) }] }],
  });
  await admin.close();
}

/** Kafka: LeaveGroup in the name of the group's only member, as an operator would send it. */
async function evict({ settings: { group, staticMemberId } }: WatchedMember): Promise<void> {
  const [bootstrap = ''] = kafkaBrokers();
  const [host = '', port] = bootstrap.split(':');
  const asked = await connected(host, Number(port));
  const [coordinator] = (await findCoordinatorV4.api.async(asked, 0, [group])).coordinators;
  asked.close(() => {});
  if (coordinator === undefined) throw new Error(`Group ${group} has no coordinator`);
  const connection = await connected(coordinator.host, coordinator.port);
  const reason = 'thrown out by a test';
  if (staticMemberId === undefined) {
    const [described] = (await describeGroupsV5.api.async(connection, [group], false)).groups;
    const [member] = described?.members ?? [];
    await leaveGroupV5.api.async(connection, group, [{ memberId: member?.memberId ?? '', reason }]);
  } else {
    await leaveGroupV5.api.async(connection, group, [
      { memberId: '', groupInstanceId: staticMemberId, reason },
    ]);
  }
  connection.close(() => {});
}

async function connected(host: string, port: number): Promise<Connection> {
  const connection = new Connection(clientId);
  await connection.connect(host, port);
  return connection;
}

describeKafkaPort(
  'real brokers as a Kafka port',
  async () => {
    const address = {
      brokers: kafkaBrokers(),
      clientId,
      tls: undefined,
      sasl: undefined,
      connectTimeoutMs: 20_000,
    };
    const driver = confluentDriver({ address, admin: () => platformaticAdmin(address) });
    return {
      driver,
      tick: () => sleep(20),
      settle: () => sleep(300),
      pass: (ms) => sleep(ms),
      deleteBefore,
      evict,
      beforeGroup: (group) => calmGroup(kafkaBrokers(), group),
      close: () => driver.close(),
    };
  },
  {
    takesTime: true,
    topicSettings: true,
    topicIds: true,
    logAdmin: true,
    groupProtocol: true,
    deletesRecords: true,
    evictsMembers: true,
    gathersMembers: true,
    limitsRevokes: true,
    staticMembers: true,
  },
);
