import { expect, test } from 'vitest';
import { embeddedDriver } from '../../src/kafka/confluent/embedded-driver.ts';
import { resolveRetention } from '../../src/options/retention.ts';
import { ensureTopics } from '../../src/topics/ensure-topics.ts';
import { planTopics } from '../../src/topics/topic-plan.ts';
import type { TopicProblem } from '../../src/topics/topic-problem.ts';

test('on embedded Kafka the topics come into being as it makes them, and nothing is pretended', async () => {
  const driver = embeddedDriver();
  const admin = await driver.admin();
  const problems: TopicProblem[] = [];
  const plan = planTopics({
    queue: 'orders',
    partitions: 768,
    replicationFactor: undefined,
    minInsyncReplicas: undefined,
    maxRecordBytes: 1_000_000,
    retention: resolveRetention({}, 1_800_000),
  });
  const facts = await ensureTopics({
    admin,
    plan,
    onMissing: 'create',
    embedded: driver.embedded,
    onWarning: (problem) => void problems.push(problem),
  });
  expect(facts).toEqual({
    queue: { name: 'orders', id: undefined, partitions: 4 },
    state: { name: 'orders.state', id: undefined, partitions: 4 },
    parked: { name: 'orders.parked', id: undefined, partitions: 4 },
    parts: {
      name: 'orders.parts',
      id: undefined,
      partitions: 4,
      maxRecordBytes: expect.any(Number),
      maxUploadBytes: expect.any(Number),
    },
  });
  expect(problems.map((problem) => problem.code)).toEqual(['TOPICS_NOT_JUDGED']);
  expect(problems[0]?.what).toContain('declared: 768');
  expect(await admin.logEnds([{ topic: 'orders.state', partition: 3 }])).toEqual([
    { topic: 'orders.state', partition: 3, start: 0, end: 0 },
  ]);
  await admin.close();
  await driver.close();
});
