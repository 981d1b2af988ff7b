import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { type RetentionOptions, resolveRetention } from '../../src/options/retention.ts';
import { ensureTopics } from '../../src/topics/ensure-topics.ts';
import { planTopics, type TopicPlan } from '../../src/topics/topic-plan.ts';
import type { TopicProblem } from '../../src/topics/topic-problem.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const DAY = 86_400_000;

function connect(): Promise<Admin> {
  return platformaticAdmin({
    brokers: kafkaBrokers(),
    clientId: 'topics-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  });
}

let admin: Admin;
beforeAll(async () => {
  admin = await connect();
});
afterAll(() => admin.close());

function planOf(
  queue: string,
  partitions: number,
  retention: RetentionOptions = { keepFinishedMs: DAY },
): TopicPlan {
  return planTopics({
    queue,
    partitions,
    replicationFactor: undefined,
    minInsyncReplicas: undefined,
    maxRecordBytes: 2_000_000,
    retention: resolveRetention(retention, 1_800_000),
  });
}

function ensure(by: Admin, plan: TopicPlan, warnings: TopicProblem[] = []): ReturnType<typeof ensureTopics> {
  const onWarning = (problem: TopicProblem): void => void warnings.push(problem);
  return ensureTopics({ admin: by, plan, onMissing: 'create', embedded: undefined, onWarning });
}

describe("a queue's topics at start", () => {
  it('are created with three replicas and settings that keep every task', async () => {
    const queue = `created-${randomUUID()}`;
    const warnings: TopicProblem[] = [];
    const facts = await ensure(admin, planOf(queue, 30), warnings);
    const described = await admin.describeTopics(
      ['', '.state', '.parked', '.parts'].map((suffix) => `${queue}${suffix}`),
    );
    expect(facts).toEqual({
      queue: { name: queue, id: described.get(queue)?.id, partitions: 30 },
      state: { name: `${queue}.state`, id: described.get(`${queue}.state`)?.id, partitions: 24 },
      parked: { name: `${queue}.parked`, id: described.get(`${queue}.parked`)?.id, partitions: 24 },
      parts: {
        name: `${queue}.parts`,
        id: described.get(`${queue}.parts`)?.id,
        partitions: 24,
        maxRecordBytes: 1_999_900, // its max.message.bytes is what was declared, less what a batch adds
        maxUploadBytes: Number.POSITIVE_INFINITY,
      },
    });
    expect(described.get(queue)?.partitions.every((p) => p.replicas.length === 3)).toBe(true);
    const configs = await admin.topicConfigs(queue);
    expect(Object.fromEntries(configs)).toMatchObject({
      'cleanup.policy': 'delete',
      'retention.ms': '-1',
      'retention.bytes': '-1',
      'message.timestamp.type': 'LogAppendTime',
      'min.insync.replicas': '2',
      'unclean.leader.election.enable': 'false',
      'max.message.bytes': '2000000',
      'compression.type': 'producer',
    });
    expect(warnings).toEqual([]);
  });

  it('are created with a time limit for tasks and their parts, and judged by it at the next start', async () => {
    const queue = `created-${randomUUID()}`;
    const warnings: TopicProblem[] = [];
    await ensure(admin, planOf(queue, 2, { timeMs: DAY }), warnings);
    const retentionOf = async (suffix: string) =>
      (await admin.topicConfigs(`${queue}${suffix}`)).get('retention.ms');
    expect(await Promise.all(['', '.state', '.parked', '.parts'].map(retentionOf))).toEqual([
      String(DAY),
      '-1',
      '-1',
      String(2 * DAY + 1_800_000 + 600_000),
    ]);
    expect((await admin.topicConfigs(queue)).get('segment.ms')).toBe(String(DAY));
    await ensure(admin, planOf(queue, 2, { timeMs: DAY }), warnings);
    expect(warnings).toEqual([]);

    await ensure(admin, planOf(queue, 2, { timeMs: DAY / 2 }), warnings);
    expect(warnings.map(({ code, topic }) => `${code} ${topic}`)).toEqual([
      `RETENTION_TIME_TOO_LONG ${queue}`,
      `SEGMENT_TIME_TOO_LONG ${queue}`,
      `RETENTION_TIME_TOO_LONG ${queue}.parts`,
    ]);
    const refused = (code: string) => ({
      problems: [
        { code, severity: 'refuse', topic: queue },
        { code, severity: 'refuse', topic: `${queue}.parts` },
      ],
    });
    await expect(ensure(admin, planOf(queue, 2, { timeMs: 2 * DAY }))).rejects.toMatchObject(
      refused('RETENTION_TIME_TOO_SHORT'),
    );
    await expect(ensure(admin, planOf(queue, 2))).rejects.toMatchObject(refused('RETENTION_TIME_FINITE'));
  });

  it('are found as they are by the next start', async () => {
    const plan = planOf(`created-${randomUUID()}`, 3);
    const first = await ensure(admin, plan);
    expect(await ensure(admin, plan)).toEqual(first);
  });

  it('are created once by starters that come at the same time', async () => {
    const plan = planOf(`created-${randomUUID()}`, 48);
    const starters = await Promise.all(Array.from({ length: 4 }, connect));
    const all = await Promise.all(starters.map((starter) => ensure(starter, plan)));
    for (const facts of all) expect(facts).toEqual(all[0]);
    await Promise.all(starters.map((starter) => starter.close()));
  });

  it('go to one of two declarations that race, and the other is refused', async () => {
    const queue = `created-${randomUUID()}`;
    const other = await connect();
    const results = await Promise.allSettled([
      ensure(admin, planOf(queue, 4)),
      ensure(other, planOf(queue, 5)),
    ]);
    await other.close();
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    const refused = results.find((result) => result.status === 'rejected');
    expect(refused?.reason).toMatchObject({ code: 'TOPICS_REFUSED' });
  });

  it('are created with 768 partitions in seconds', async () => {
    const plan = planOf(`created-${randomUUID()}`, 768);
    const startMs = performance.now();
    const facts = await ensure(admin, plan);
    const createdMs = performance.now();
    await ensure(admin, plan);
    const foundMs = performance.now();
    expect(facts.queue.partitions).toBe(768);
    console.info(
      `768 partitions: created, read back and judged in ${Math.round(createdMs - startMs)} ms, judged again in ${Math.round(foundMs - createdMs)} ms`,
    );
  });
});
