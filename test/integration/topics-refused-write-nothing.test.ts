import { randomUUID } from 'node:crypto';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { resolveRetention } from '../../src/options/retention.ts';
import { ensureTopics } from '../../src/topics/ensure-topics.ts';
import { planTopics } from '../../src/topics/topic-plan.ts';
import { TopicsRefusedError } from '../../src/topics/topics-refused-error.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const PARTITIONS = 6;

let admin: Admin;
let producer: Producer<string, string, string, string>;
beforeAll(async () => {
  producer = new Producer({
    clientId: 'topics-test',
    bootstrapBrokers: kafkaBrokers(),
    serializers: stringSerializers,
  });
  admin = await platformaticAdmin({
    brokers: kafkaBrokers(),
    clientId: 'topics-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  });
});
afterAll(async () => {
  await producer.close();
  await admin.close();
});

/** As keylane would make it. */
const good = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'min.insync.replicas': '2',
  'message.timestamp.type': 'LogAppendTime',
};

/** A topic of somebody else's making, with a record in each partition. */
async function topicOf(configs: Record<string, string>, partitions: number, replicas = 3): Promise<string> {
  const name = `refused-${randomUUID()}`;
  await admin.createTopics([
    { name, partitions, replicationFactor: replicas, configs: { ...good, ...configs } },
  ]);
  const messages = Array.from({ length: partitions }, (_, partition) => ({
    topic: name,
    partition,
    key: 'k',
    value: 'there before',
  }));
  await producer.send({ messages, acks: -1 });
  return name;
}

/** Everything that a start could have changed. */
async function snapshot(queue: string): Promise<unknown> {
  const names = [queue, `${queue}.state`, `${queue}.parts`, `${queue}.parked`];
  const topics = await admin.describeTopics(names);
  const partitions = [...topics.values()].flatMap((topic) =>
    topic.partitions.map(({ partition }) => ({ topic: topic.name, partition })),
  );
  return {
    topics: [...topics.values()].map(({ name, id, partitions: list }) => ({
      name,
      id,
      partitions: list.length,
    })),
    configs: await Promise.all(
      [...topics.keys()].map(async (name) => [name, await admin.topicConfigs(name)]),
    ),
    ends: await admin.logEnds(partitions),
  };
}

async function start(queue: string, onMissing: 'create' | 'fail' = 'create'): Promise<TopicsRefusedError> {
  const plan = planTopics({
    queue,
    partitions: PARTITIONS,
    replicationFactor: undefined,
    minInsyncReplicas: undefined,
    maxRecordBytes: 1_000_000,
    retention: resolveRetention({}, 1_800_000),
  });
  try {
    await ensureTopics({ admin, plan, onMissing, embedded: undefined, onWarning: () => undefined });
  } catch (error) {
    if (error instanceof TopicsRefusedError) return error;
    throw error;
  }
  throw new Error('the topics were accepted');
}

// A start looks a second time before it refuses.
describe.concurrent('a queue whose topics would lose or reorder tasks', () => {
  it.each([
    ['compaction', { 'cleanup.policy': 'compact' }, PARTITIONS, ['TOPIC_COMPACTED']],
    ['compaction with deletion', { 'cleanup.policy': 'compact,delete' }, PARTITIONS, ['TOPIC_COMPACTED']],
    ['min.insync.replicas 3 of 3', { 'min.insync.replicas': '3' }, PARTITIONS, ['MIN_INSYNC_TOO_HIGH']],
    ['min.insync.replicas 1', { 'min.insync.replicas': '1' }, PARTITIONS, ['MIN_INSYNC_TOO_LOW']],
    ['too few partitions', {}, PARTITIONS - 1, ['PARTITIONS_TOO_FEW']],
    ['too many partitions', {}, PARTITIONS + 1, ['PARTITIONS_TOO_MANY']],
    ['unclean election', { 'unclean.leader.election.enable': 'true' }, PARTITIONS, ['UNCLEAN_ELECTION']],
    ['a week of retention', { 'retention.ms': '604800000' }, PARTITIONS, ['RETENTION_TIME_FINITE']],
    ['a gigabyte of retention', { 'retention.bytes': '1073741824' }, PARTITIONS, ['RETENTION_BYTES_FINITE']],
    [
      'everything at once',
      { 'cleanup.policy': 'compact', 'min.insync.replicas': '3', 'retention.bytes': '1000000' },
      1,
      ['PARTITIONS_TOO_FEW', 'TOPIC_COMPACTED', 'RETENTION_BYTES_FINITE', 'MIN_INSYNC_TOO_HIGH'],
    ],
  ])('is refused for %s, by name, and nothing is written', async (_name, configs, partitions, codes) => {
    const queue = await topicOf(configs, partitions);
    const before = await snapshot(queue);
    const error = await start(queue);
    expect(error.code).toBe('TOPICS_REFUSED');
    expect(error.problems.filter((p) => p.severity === 'refuse').map((p) => p.code)).toEqual(codes);
    expect(await snapshot(queue)).toEqual(before);
  });

  it('is refused when topics are missing and may not be created', async () => {
    const queue = `refused-${randomUUID()}`;
    const error = await start(queue, 'fail');
    expect(error.problems.map((p) => [p.code, p.topic])).toEqual([
      ['TOPIC_MISSING', queue],
      ['TOPIC_MISSING', `${queue}.state`],
      ['TOPIC_MISSING', `${queue}.parked`],
      ['TOPIC_MISSING', `${queue}.parts`],
    ]);
    const names = [queue, `${queue}.state`, `${queue}.parked`, `${queue}.parts`];
    expect((await admin.describeTopics(names)).size).toBe(0);
  });

  it('is refused for its journal alone', async () => {
    const queue = await topicOf({}, PARTITIONS);
    const configs = { ...good, 'cleanup.policy': 'compact' };
    await admin.createTopics([
      { name: `${queue}.state`, partitions: PARTITIONS, replicationFactor: 3, configs },
    ]);
    const before = await snapshot(queue);
    const error = await start(queue);
    expect(error.problems.filter((p) => p.severity === 'refuse')).toMatchObject([
      { code: 'TOPIC_COMPACTED', topic: `${queue}.state` },
    ]);
    expect(await snapshot(queue)).toEqual(before);
  });
});
