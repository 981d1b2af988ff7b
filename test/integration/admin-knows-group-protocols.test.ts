import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import { Consumer, MessagesStreamModes } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

let admin: Admin;
let topic: string;
beforeAll(async () => {
  admin = await platformaticAdmin({
    brokers: kafkaBrokers(),
    clientId: 'admin-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  });
  topic = `groups-${randomUUID()}`;
  await admin.createTopics([{ name: topic, partitions: 2, replicationFactor: 3, configs: {} }]);
});
afterAll(() => admin.close());

describe('the admin on group protocols', () => {
  it('knows that the cluster offers KIP-848', async () => {
    expect(await admin.offersConsumerProtocol()).toBe(true);
  });

  it('says none of a group that nobody ever joined', async () => {
    expect(await admin.groupProtocol(`nobody-${randomUUID()}`)).toBe('none');
  });

  it.each(['classic', 'consumer'] as const)(
    'recognises a living %s group, and none after it left',
    async (protocol) => {
      const groupId = `${protocol}-${randomUUID()}`;
      const member = new Consumer({
        clientId: 'admin-test',
        groupId,
        bootstrapBrokers: kafkaBrokers(),
        groupProtocol: protocol,
      });
      const stream = await member.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST });
      expect(await admin.groupProtocol(groupId)).toBe(protocol);
      await stream.close();
      await promisify((done: (error: Error | null) => void) => member.close(true, done))();
      expect(await admin.groupProtocol(groupId)).toBe('none');
    },
  );
});
