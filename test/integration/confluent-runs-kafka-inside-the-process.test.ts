import { expect, test } from 'vitest';
import { embeddedDriver } from '../../src/kafka/confluent/embedded-driver.ts';
import { Member, readUntil, record } from './confluent-world.ts';

const topic = { name: 'q', partitions: 4, replicationFactor: 3, configs: {} };

test('a topic comes into being by being asked for, with the cluster’s own partition count', async () => {
  const driver = embeddedDriver();
  const admin = await driver.admin();
  expect((await admin.describeTopics(['q'])).size).toBe(0);
  expect(await admin.createTopics([{ ...topic, partitions: 12 }])).toEqual({ created: ['q'], existed: [] });
  expect(await admin.createTopics([topic])).toEqual({ created: [], existed: ['q'] });
  const described = (await admin.describeTopics(['q'])).get('q');
  expect(described?.partitions).toHaveLength(driver.embedded?.partitionsPerTopic ?? Number.NaN);
  expect(described?.partitions.every(({ leader }) => leader !== undefined)).toBe(true);
  expect(await admin.brokerCount()).toBe(3);
  await driver.close();
});

test('what the cluster does not offer is refused as unsupported', async () => {
  const driver = embeddedDriver();
  const admin = await driver.admin();
  for (const call of [admin.topicConfigs('q'), admin.brokerConfigs(), admin.groupProtocol('g')]) {
    await expect(call).rejects.toMatchObject({ code: 'KAFKA_UNSUPPORTED' });
  }
  await driver.close();
});

test('records go in and come out, and a group owns their partitions', async () => {
  const driver = embeddedDriver();
  const appender = await driver.appender();
  const admin = await driver.admin();
  await admin.createTopics([topic]);
  await appender.append({ topic: 'q', partition: 1, records: [record('a')] });
  await appender.append({ topic: 'q', partition: 1, records: [record('b'), record('c')] });
  expect(await admin.logEnds([{ topic: 'q', partition: 1 }])).toEqual([
    { topic: 'q', partition: 1, start: 0, end: 3 },
  ]);
  const reader = await driver.reader({ name: 'r', prefetchBytes: 1_000_000 });
  await reader.assign([{ topic: 'q', partition: 1, offset: 1 }]);
  const read = await readUntil(reader, ({ length }) => length >= 2);
  expect(read.map(({ offset, value }) => [offset, value?.toString()])).toEqual([
    [1, 'b'],
    [2, 'c'],
  ]);
  const member = new Member(
    driver.membership({
      group: 'g',
      topics: ['q'],
      protocol: (await admin.offersConsumerProtocol()) ? 'consumer' : 'classic',
      sessionTimeoutMs: 10_000,
      maxPollIntervalMs: 60_000,
      staticMemberId: undefined,
      rackId: undefined,
    }),
  );
  await member.join();
  await member.until(({ owned }) => owned.length === 4);
  const commit = { topic: 'q', partition: 1, offset: 3, metadata: 'm' };
  expect(await member.membership.commit([commit])).toEqual([
    { topic: 'q', partition: 1, failure: undefined },
  ]);
  expect(await member.membership.committed([{ topic: 'q', partition: 1 }])).toEqual([commit]);
  await member.membership.leave();
  expect(member.owned).toEqual([]);
  await reader.close();
  await appender.close({ timeoutMs: 1_000 });
  await driver.close();
});

test('closing one that was never used does nothing', async () => {
  await embeddedDriver().close();
});
