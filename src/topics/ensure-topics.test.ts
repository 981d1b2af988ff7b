import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/manual-clock.ts';
import type { Admin, TopicDescription, TopicSpec } from '../kafka/admin.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { resolveRetention } from '../options/retention.ts';
import { type EnsureTopicsOptions, ensureTopics } from './ensure-topics.ts';
import { planTopics } from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';

const plan = planTopics({
  queue: 'q',
  partitions: 2,
  replicationFactor: undefined,
  minInsyncReplicas: undefined,
  maxRecordBytes: 1_000_000,
  retention: resolveRetention({}, 1_800_000),
});

function notAsked(): Promise<never> {
  return Promise.reject(new Error('creating topics needs no logs'));
}

/** Three brokers' topics in memory: `topics` are what creation asked for. */
class FakeCluster {
  readonly topics = new Map<string, TopicSpec>();
  readonly calls: string[] = [];
  brokers = 3;
  beforeCreate: () => void = () => undefined;
  /** What reading a topic's configs answers. */
  configsOf: (spec: TopicSpec) => Readonly<Record<string, string>> = (spec) => spec.configs;

  readonly admin: Admin = {
    describeTopics: (names) => {
      const found = names.flatMap((name) => {
        const spec = this.topics.get(name);
        return spec === undefined ? [] : [[name, descriptionOf(spec)] as const];
      });
      return Promise.resolve(new Map(found));
    },
    topicConfigs: (name) => {
      const spec = this.topics.get(name);
      return Promise.resolve(new Map(Object.entries(spec === undefined ? {} : this.configsOf(spec))));
    },
    brokerConfigs: () => Promise.resolve(new Map()),
    brokerCount: () => Promise.resolve(this.brokers),
    createTopics: (specs) => {
      this.beforeCreate();
      this.calls.push(`create ${specs.map((spec) => spec.name).join(' ')}`);
      const created = specs.filter((spec) => !this.topics.has(spec.name));
      for (const spec of created) this.topics.set(spec.name, spec);
      const existed = specs.filter((spec) => !created.includes(spec));
      return Promise.resolve({ created: created.map((s) => s.name), existed: existed.map((s) => s.name) });
    },
    logEnds: () => Promise.resolve([]),
    eachLogEnds: notAsked,
    leaderEnds: notAsked,
    deleteRecords: notAsked,
    offsetsForTime: notAsked,
    committedOffsets: notAsked,
    logSizes: notAsked,
    groupProtocol: () => Promise.resolve('none'),
    groupMembers: () => Promise.resolve([]),
    offersConsumerProtocol: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
}

function descriptionOf(spec: TopicSpec): TopicDescription {
  const replicas = Array.from({ length: spec.replicationFactor }, (_, i) => i + 1);
  return {
    name: spec.name,
    id: `id of ${spec.name}`,
    partitions: Array.from({ length: spec.partitions }, (_, partition) => ({
      partition,
      leader: 1,
      replicas,
      inSyncReplicas: replicas,
    })),
  };
}

interface World {
  readonly cluster: FakeCluster;
  readonly clock: ManualClock;
  readonly warnings: TopicProblem[];
  readonly start: (changes?: Partial<EnsureTopicsOptions>) => ReturnType<typeof ensureTopics>;
}

function world(): World {
  const cluster = new FakeCluster();
  const clock = new ManualClock();
  const warnings: TopicProblem[] = [];
  const onWarning = (problem: TopicProblem): void => void warnings.push(problem);
  return {
    cluster,
    clock,
    warnings,
    start: (changes) =>
      ensureTopics({
        admin: cluster.admin,
        plan,
        onMissing: 'create',
        embedded: undefined,
        onWarning,
        clock,
        ...changes,
      }),
  };
}

describe('ensureTopics', () => {
  it('creates what is missing, and finds nothing to do the next time', async () => {
    const { cluster, start, warnings } = world();
    const facts = await start();
    expect(facts).toEqual({
      queue: { name: 'q', id: 'id of q', partitions: 2 },
      state: { name: 'q.state', id: 'id of q.state', partitions: 2 },
      parked: { name: 'q.parked', id: 'id of q.parked', partitions: 2 },
      parts: {
        name: 'q.parts',
        id: 'id of q.parts',
        partitions: 2,
        maxRecordBytes: 1_000_000,
        maxUploadBytes: Number.POSITIVE_INFINITY,
      },
    });
    expect(await start()).toEqual(facts);
    expect(cluster.calls).toEqual(['create q q.state q.parked q.parts']);
    expect(warnings).toEqual([]);
  });

  it.each(['parked', 'parts'] as const)(
    'creates the %s topic of a queue that was made without one',
    async (role) => {
      const { cluster, start } = world();
      await start();
      cluster.topics.delete(`q.${role}`);
      expect(await start()).toMatchObject({ [role]: { name: `q.${role}`, partitions: 2 } });
      expect(cluster.calls.at(-1)).toBe(`create q.${role}`);
    },
  );

  it.each([
    ['lower', '500000', 499_900],
    ['higher', '9000000', 1_000_000],
    ['hardly there', '100', 4_096],
  ])(
    'sends parts of what the parts topic takes, its limit being %s',
    async (_what, limit, maxRecordBytes) => {
      const { cluster, start } = world();
      cluster.configsOf = (spec) =>
        spec.name === 'q.parts' ? { ...spec.configs, 'max.message.bytes': limit } : spec.configs;
      for (const { name } of plan.topics)
        cluster.topics.set(name, { name, partitions: 2, replicationFactor: 3, configs: {} });
      expect((await start()).parts.maxRecordBytes).toBe(maxRecordBytes);
    },
  );

  it('refuses bad topics after a second look, listing all problems, and creates nothing', async () => {
    const { cluster, clock, start } = world();
    const configs = { 'cleanup.policy': 'compact', 'min.insync.replicas': '3' };
    cluster.topics.set('q', { name: 'q', partitions: 1, replicationFactor: 3, configs });
    const refused = start().catch((error: unknown) => error);
    await clock.advance(3_000);
    expect(await refused).toMatchObject({
      code: 'TOPICS_REFUSED',
      queue: 'q',
      problems: [
        { code: 'PARTITIONS_TOO_FEW', topic: 'q' },
        { code: 'TOPIC_COMPACTED', topic: 'q' },
        { code: 'MIN_INSYNC_TOO_HIGH', topic: 'q' },
      ],
    });
    expect(cluster.calls).toEqual([]);
    expect(clock.pendingCount).toBe(0);
  });

  it('judges what it would create before creating it', async () => {
    const { cluster, clock, start } = world();
    const refused = start({ plan: { ...plan, minInsyncReplicas: 3 } }).catch((error: unknown) => error);
    await clock.advance(3_000);
    expect(await refused).toMatchObject({
      problems: [
        { code: 'MIN_INSYNC_TOO_HIGH', topic: 'q' },
        { code: 'MIN_INSYNC_TOO_HIGH', topic: 'q.state' },
        { code: 'MIN_INSYNC_TOO_HIGH', topic: 'q.parked' },
        { code: 'MIN_INSYNC_TOO_HIGH', topic: 'q.parts' },
      ],
    });
    expect(cluster.calls).toEqual([]);
  });

  it('creates nothing when it may not', async () => {
    const { cluster, clock, start } = world();
    const refused = start({ onMissing: 'fail' }).catch((error: unknown) => error);
    await clock.advance(3_000);
    expect(await refused).toMatchObject({
      problems: ['q', 'q.state', 'q.parked', 'q.parts'].map((topic) => ({ code: 'TOPIC_MISSING', topic })),
    });
    expect(cluster.calls).toEqual([]);
  });

  it('does not mind another starter that creates the same topics first', async () => {
    const { cluster, start } = world();
    cluster.beforeCreate = () => {
      cluster.beforeCreate = () => undefined;
      const specs = ['q', 'q.state', 'q.parked', 'q.parts'].map((name) => ({
        name,
        partitions: 2,
        replicationFactor: 3,
        configs: {},
      }));
      void cluster.admin.createTopics(specs);
    };
    expect(await start()).toMatchObject({ queue: { partitions: 2 } });
  });

  it('refuses when the other starter made them for another declaration', async () => {
    const { cluster, clock, start } = world();
    cluster.beforeCreate = () => {
      cluster.beforeCreate = () => undefined;
      void cluster.admin.createTopics([{ name: 'q', partitions: 7, replicationFactor: 3, configs: {} }]);
    };
    const refused = start().catch((error: unknown) => error);
    await clock.advance(31_000);
    expect(await refused).toMatchObject({ problems: [{ code: 'PARTITIONS_TOO_MANY', topic: 'q' }] });
  });

  it('waits for configs that brokers learn of late', async () => {
    const { cluster, clock, start } = world();
    let reads = 0;
    cluster.configsOf = (spec) => {
      reads += 1;
      return reads <= 6 ? { ...spec.configs, 'retention.ms': '604800000' } : spec.configs;
    };
    const facts = start();
    await clock.advance(1_000);
    expect(await facts).toMatchObject({ queue: { id: 'id of q' } });
  });

  it('waits for them, too, where another starter was first', async () => {
    const { cluster, clock, start } = world();
    let late = false;
    cluster.beforeCreate = () => {
      cluster.beforeCreate = () => undefined;
      late = true;
      const specs = ['q', 'q.state', 'q.parked', 'q.parts'].map((name) => ({
        name,
        partitions: 2,
        replicationFactor: 3,
        configs: {},
      }));
      void cluster.admin.createTopics(specs);
    };
    cluster.configsOf = (spec) => (late ? { ...spec.configs, 'cleanup.policy': 'compact' } : spec.configs);
    const facts = start();
    await clock.advance(20_000);
    late = false;
    await clock.advance(1_000);
    expect(await facts).toMatchObject({ queue: { id: 'id of q' } });
  });

  it('starts without knowing what it may not read, and says so', async () => {
    const { cluster, start, warnings } = world();
    await start();
    const denied = (): Promise<never> =>
      Promise.reject(
        new KafkaRequestError('Read', { kind: 'authorization', code: 29, message: 'not authorized' }),
      );
    await start({ admin: { ...cluster.admin, topicConfigs: denied, brokerConfigs: denied } });
    expect(warnings.map((p) => [p.severity, p.code, p.topic])).toEqual([
      ['unknown', 'TOPIC_CONFIGS_UNKNOWN', 'q'],
      ['unknown', 'TOPIC_CONFIGS_UNKNOWN', 'q.state'],
      ['unknown', 'TOPIC_CONFIGS_UNKNOWN', 'q.parked'],
      ['unknown', 'TOPIC_CONFIGS_UNKNOWN', 'q.parts'],
      ['unknown', 'BROKER_CONFIGS_UNKNOWN', 'q'],
    ]);
  });

  it('does not take a cluster that is gone for one that hides things', async () => {
    const { cluster, start } = world();
    const gone = (): Promise<never> =>
      Promise.reject(
        new KafkaRequestError('Read', { kind: 'unreachable', code: undefined, message: 'gone' }),
      );
    await expect(start({ admin: { ...cluster.admin, brokerConfigs: gone } })).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
    });
  });

  it('gives a development broker what it can hold, with one warning', async () => {
    const { cluster, start, warnings } = world();
    cluster.brokers = 1;
    await start();
    expect(cluster.topics.get('q')).toMatchObject({
      replicationFactor: 1,
      configs: { 'min.insync.replicas': '1' },
    });
    expect(warnings.map((p) => p.code)).toEqual(['REPLICATION_LOWERED']);
  });

  it('takes the embedded cluster as it is, asks for no settings, and says that nothing was judged', async () => {
    const { cluster, start, warnings } = world();
    const unsupported = (): never => {
      throw new Error('the embedded cluster was asked for what it does not offer');
    };
    const admin: Admin = {
      ...cluster.admin,
      topicConfigs: unsupported,
      brokerConfigs: unsupported,
      brokerCount: unsupported,
    };
    const embedded = { partitionsPerTopic: 4, partitionBytes: 4_000_000 };
    expect(await start({ admin, embedded, onMissing: 'fail' })).toMatchObject({
      queue: { name: 'q', partitions: 4 },
      state: { name: 'q.state', partitions: 4 },
      parked: { name: 'q.parked', partitions: 4 },
      parts: { name: 'q.parts', partitions: 4, maxRecordBytes: 1_000_000, maxUploadBytes: 2_997_440 },
    });
    expect(warnings.map((p) => p.code)).toEqual(['TOPICS_NOT_JUDGED']);
    expect(warnings[0]?.what).toContain('in 4 partitions (declared: 2), ');
    const asDeclared = world();
    await asDeclared.start({ embedded: { ...embedded, partitionsPerTopic: 2 } });
    expect(asDeclared.warnings[0]?.what).toContain('in 2 partitions, ');
  });
});
