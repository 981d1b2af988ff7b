import { describe, expect, it } from 'vitest';
import { type RetentionOptions, resolveRetention } from '../options/retention.ts';
import { judgeRetention } from './judge-retention.ts';
import { fitToCluster, planTopics, type TopicRole, topicSpec } from './topic-plan.ts';

const DAY = 86_400_000;
const UPLOAD_MS = 1_800_000;

function planned(role: TopicRole, retention: RetentionOptions) {
  const plan = fitToCluster(
    planTopics({
      queue: 'q',
      partitions: 12,
      replicationFactor: undefined,
      minInsyncReplicas: undefined,
      maxRecordBytes: 900_000,
      retention: resolveRetention(retention, UPLOAD_MS),
    }),
    3,
  );
  const topic = plan.topics.find((candidate) => candidate.role === role);
  if (topic === undefined) throw new Error(`no topic is the ${role} topic`);
  return { topic, configs: topicSpec(plan, topic).configs };
}

/** What is found of a topic as it is created, but for these configs. */
function found(role: TopicRole, retention: RetentionOptions, changes: Record<string, string> = {}) {
  const { topic, configs } = planned(role, retention);
  return judgeRetention(topic, 't', new Map(Object.entries({ ...configs, ...changes })));
}

const summary = (problems: ReturnType<typeof found>): readonly string[] =>
  problems.map(({ severity, code }) => `${severity} ${code}`);

const roles = ['queue', 'state', 'parked', 'parts'] as const;
const forDay = { keepFinishedMs: DAY };
const forMonth = { timeMs: 30 * DAY };

it.each(roles)('takes the %s topic as it is created', (role) => {
  expect(found(role, forDay)).toEqual([]);
  expect(found(role, forMonth)).toEqual([]);
});

describe('a queue that deletes what is finished', () => {
  it.each(roles)('may not have its %s topic deleted by age', (role) => {
    for (const age of ['0', '1000', String(30 * DAY)]) {
      expect(summary(found(role, forDay, { 'retention.ms': age }))).toEqual(['refuse RETENTION_TIME_FINITE']);
    }
  });

  it('may be one that was made for a time limit: that is said where it can be', () => {
    const cure = (role: TopicRole) => found(role, forDay, { 'retention.ms': '1000' })[0]?.cure ?? '';
    for (const role of ['queue', 'parts'] as const) expect(cure(role)).toContain('retention: { timeMs }');
    for (const role of ['state', 'parked'] as const) expect(cure(role)).not.toContain('timeMs');
  });

  it('does not mind how long segments are', () => {
    expect(found('queue', forDay, { 'segment.ms': String(365 * DAY) })).toEqual([]);
  });
});

describe('a queue with a time limit', () => {
  it('is refused where Kafka deletes earlier', () => {
    const [problem, ...others] = found('queue', forMonth, { 'retention.ms': String(7 * DAY) });
    expect(problem).toMatchObject({ code: 'RETENTION_TIME_TOO_SHORT', severity: 'refuse', topic: 't' });
    expect(problem?.cure).toContain(`retention.ms=${30 * DAY}`);
    expect(others).toEqual([]);
    expect(summary(found('queue', forMonth, { 'retention.ms': '0' }))).toEqual([
      'refuse RETENTION_TIME_TOO_SHORT',
    ]);
  });

  it.each([String(31 * DAY), '-1'])('is warned where Kafka deletes later: %s', (age) => {
    expect(summary(found('queue', forMonth, { 'retention.ms': age }))).toEqual([
      'warn RETENTION_TIME_TOO_LONG',
    ]);
  });

  it('has its parts outlive its tasks, or is refused', () => {
    const needed = 37 * DAY + UPLOAD_MS + 600_000;
    const of = (ms: number) => summary(found('parts', forMonth, { 'retention.ms': String(ms) }));
    expect(of(needed - 1)).toEqual(['refuse RETENTION_TIME_TOO_SHORT']);
    expect(of(needed)).toEqual([]);
    expect(of(needed + 1)).toEqual(['warn RETENTION_TIME_TOO_LONG']);
    expect(of(-1)).toEqual(['warn RETENTION_TIME_TOO_LONG']);
  });

  it.each(['state', 'parked'] as const)('has no limit for its %s topic', (role) => {
    expect(summary(found(role, forMonth, { 'retention.ms': String(365 * DAY) }))).toEqual([
      'refuse RETENTION_TIME_FINITE',
    ]);
  });

  it('is warned of segments so long that tasks outlive their parts', () => {
    expect(summary(found('queue', { timeMs: DAY }, { 'segment.ms': String(7 * DAY) }))).toEqual([
      'warn SEGMENT_TIME_TOO_LONG',
    ]);
    expect(found('queue', { timeMs: DAY }, { 'segment.ms': '1000' })).toEqual([]);
    expect(found('parts', { timeMs: DAY }, { 'segment.ms': String(7 * DAY) })).toEqual([]);
  });

  it.each(roles)('is refused where its %s topic has a limit of bytes', (role) => {
    expect(summary(found(role, forMonth, { 'retention.bytes': '1000000000' }))).toEqual([
      'refuse RETENTION_BYTES_FINITE',
    ]);
  });
});

it('takes a topic whose retention is not told for one without', () => {
  const { topic } = planned('queue', forDay);
  expect(judgeRetention(topic, 't', new Map())).toEqual([]);
});
