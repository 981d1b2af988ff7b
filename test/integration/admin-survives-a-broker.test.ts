import { expect, test } from 'vitest';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { resolveRetention } from '../../src/options/retention.ts';
import { ensureTopics } from '../../src/topics/ensure-topics.ts';
import { planTopics } from '../../src/topics/topic-plan.ts';
import type { TopicProblem } from '../../src/topics/topic-problem.ts';
import { startKafka } from '../support/kafka/cluster.ts';

test('the admin goes on through dead and silent brokers, and no topic gets fewer replicas because one is down', async () => {
  await using cluster = await startKafka({ brokerConfig: { 'broker.session.timeout.ms': '6000' } });
  const [first, second] = cluster.brokers;
  if (first === undefined || second === undefined) throw new Error('three brokers expected');
  const admin = await platformaticAdmin({
    brokers: cluster.bootstrap.split(','),
    clientId: 'failover-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 5_000,
  });
  const planOf = (queue: string) =>
    planTopics({
      queue,
      partitions: 30,
      replicationFactor: undefined,
      minInsyncReplicas: undefined,
      maxRecordBytes: 1_000_000,
      retention: resolveRetention({}, 1_800_000),
    });
  const problems: TopicProblem[] = [];
  const onWarning = (problem: TopicProblem): void => void problems.push(problem);
  const common = { admin, onMissing: 'create', embedded: undefined, onWarning } as const;
  const facts = await ensureTopics({ ...common, plan: planOf('before') });
  const partitions = Array.from({ length: 30 }, (_, partition) => ({ topic: 'before', partition }));

  await first.kill();
  // What is deleted is said of each partition by itself, at once: nobody waits here for those without a leader.
  const deletions = partitions.map((place) => ({ ...place, offset: 0 }));
  for (const { logStart, failure } of await admin.deleteRecords(deletions)) {
    if (failure === undefined) expect(logStart).toBe(0);
    else expect(['transient', 'unreachable']).toContain(failure.kind);
  }
  // A third of the partitions has no leader yet; the admin waits for the next one.
  expect(await admin.logEnds(partitions)).toHaveLength(30);
  expect(await admin.offsetsForTime(partitions, 0)).toHaveLength(30);
  expect((await admin.logSizes(partitions)).size).toBe(30);
  expect(await admin.committedOffsets('before', partitions)).toHaveLength(30);
  const deleted = await admin.deleteRecords(deletions);
  expect(deleted.map(({ logStart, failure }) => failure ?? logStart)).toEqual(partitions.map(() => 0));

  // Topics that exist are usable with a broker down; new ones are not made with two replicas for good.
  await expect.poll(() => admin.brokerCount(), { timeout: 20_000 }).toBe(2);
  expect(await ensureTopics({ ...common, plan: planOf('before') })).toEqual(facts);
  expect(problems).toEqual([]);
  await expect(ensureTopics({ ...common, plan: planOf('meanwhile') })).rejects.toMatchObject({
    code: 'TOPICS_REFUSED',
    problems: [{ code: 'BROKERS_MISSING' }],
  });
  expect((await admin.describeTopics(['meanwhile', 'meanwhile.state'])).size).toBe(0);

  await first.start();
  await cluster.untilReady();
  expect(await ensureTopics({ ...common, plan: planOf('meanwhile') })).toMatchObject({
    queue: { partitions: 30 },
  });

  // Silent instead of dead: connections stay open, nothing answers.
  await second.pause();
  expect(await admin.logEnds(partitions)).toHaveLength(30);
  second.resume();
  await admin.close();
});
