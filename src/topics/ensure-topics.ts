import { type Clock, systemClock } from '../clock/clock.ts';
import type { Admin, ConfigMap, TopicDescription, TopicSpec } from '../kafka/admin.ts';
import type { EmbeddedLimits } from '../kafka/driver.ts';
import { type ClusterFacts, isUnreadable, type TopicAsIs, type Unreadable } from './cluster-facts.ts';
import { clusterSize, judgeCreation } from './judge-creation.ts';
import { judgeTopics } from './judge-topics.ts';
import { type Look, readFacts } from './read-facts.ts';
import {
  type FittedPlan,
  fitToCluster,
  type PlannedTopic,
  type TopicPlan,
  type TopicRole,
  topicSpec,
} from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';
import { TopicsRefusedError } from './topics-refused-error.ts';

/** A topic of the queue as it is. */
export interface ActualTopic {
  readonly name: string;
  /** Kafka's topic id; undefined on the embedded cluster. A topic that is made anew gets another. */
  readonly id: string | undefined;
  readonly partitions: number;
}

/** The topic of the parts of large tasks as it is. */
export interface PartsTopic extends ActualTopic {
  /** The largest record that may be sent to it: what the queue sends, or less where its max.message.bytes is known to be lower. */
  readonly maxRecordBytes: number;
  /** The most that one upload may be, content and records: on the embedded cluster what it keeps of a partition, less a record. */
  readonly maxUploadBytes: number;
}

/** The queue's topics as they are, all fit for use. */
export interface TopicFacts extends Readonly<Record<Exclude<TopicRole, 'parts'>, ActualTopic>> {
  readonly parts: PartsTopic;
}

export interface EnsureTopicsOptions {
  readonly admin: Admin;
  readonly plan: TopicPlan;
  readonly onMissing: 'create' | 'fail';
  /** The driver's; undefined on a real cluster. */
  readonly embedded: EmbeddedLimits | undefined;
  /** Called once for each problem that stops nothing, and for each fact that could not be read. */
  readonly onWarning: (problem: TopicProblem) => void;
  readonly clock?: Clock;
}

/** A topic may be in the making by another starter, its configs not yet known everywhere: look again this long. */
const SECOND_LOOKS_MS = 1_000;
/** KRaft brokers learn of a new topic's configs one by one, busy ones late. */
const READ_BACK_MS = 30_000;
const LOOK_AGAIN_MS = 250;

/**
 * Makes sure that the queue's topics exist and are fit for it. Reads and judges what is there; creates what is missing
 * when that is allowed and nothing stands against it; reads back what it created. Existing topics are never altered. Any
 * number of processes may do this at once.
 *
 * @throws TopicsRefusedError listing every problem; then nothing was created or written.
 * @throws KafkaRequestError when the cluster cannot be asked, or does not let us create.
 */
export async function ensureTopics(options: EnsureTopicsOptions): Promise<TopicFacts> {
  if (options.embedded !== undefined) return embeddedTopics(options, options.embedded);
  const { admin, plan, onMissing, onWarning } = options;
  const clock = options.clock ?? systemClock;
  let view = await lookUntil(clock, SECOND_LOOKS_MS, async () => {
    const seen = judge(plan, await readFacts(admin, plan), onMissing);
    return { seen, done: seen.refused.length === 0 };
  });
  refuseIfAny(plan, view);
  const missing = missingSpecs(view);
  if (missing.length > 0) {
    const { created } = await admin.createTopics(missing);
    const own = missing.filter((spec) => created.includes(spec.name));
    // They are new whoever has made them, also we ourselves by a request that seemed to fail.
    view = await lookUntil(clock, READ_BACK_MS, async () => {
      const seen = judge(plan, await readFacts(admin, plan), 'fail');
      return {
        seen,
        done: seen.refused.length === 0 && own.every((spec) => isApplied(spec, seen.look.facts)),
      };
    });
    refuseIfAny(plan, view);
  }
  for (const problem of view.problems) onWarning(problem);
  const { descriptions, facts } = view.look;
  return actualTopics(
    plan,
    {
      partitionsOf: (name) => descriptions.get(name)?.partitions.length,
      limitOf: (name) => messageLimit(facts.topics.find((topic) => topic.name === name)?.configs),
      maxUploadBytes: Number.POSITIVE_INFINITY,
    },
    descriptions,
  );
}

/** A topic's max.message.bytes, where it could be read. */
function messageLimit(configs: ConfigMap | Unreadable | undefined): number | undefined {
  if (configs === undefined || isUnreadable(configs)) return undefined;
  const limit = configs.get('max.message.bytes');
  return limit === undefined ? undefined : Number(limit);
}

interface Judgement {
  readonly look: Look;
  readonly fitted: FittedPlan;
  readonly problems: readonly TopicProblem[];
  readonly refused: readonly TopicProblem[];
}

/** Judges what is there, and what would be created as if it were there. */
function judge(plan: TopicPlan, look: Look, onMissing: 'create' | 'fail'): Judgement {
  const { facts } = look;
  const fitted = fitToCluster(plan, clusterSize(facts));
  const planned = plan.topics.filter((topic) => !facts.topics.some((fact) => fact.name === topic.name));
  const asIfMade = planned.map((topic) => asIfCreated(topicSpec(fitted, topic)));
  const problems = [
    ...judgeCreation(fitted, facts, onMissing),
    ...judgeTopics(fitted, { ...facts, topics: [...facts.topics, ...asIfMade] }),
  ];
  const refused = problems.filter((problem) => problem.severity === 'refuse');
  return {
    look,
    fitted,
    problems: [...refused, ...problems.filter((p) => p.severity !== 'refuse')],
    refused,
  };
}

function asIfCreated(spec: TopicSpec): TopicAsIs {
  const { name, partitions, replicationFactor, configs } = spec;
  return { name, partitions, replicationFactor, configs: new Map(Object.entries(configs)) };
}

function missingSpecs({ look, fitted }: Judgement): readonly TopicSpec[] {
  return fitted.topics
    .filter((topic) => !look.descriptions.has(topic.name))
    .map((topic) => topicSpec(fitted, topic));
}

function isApplied(spec: TopicSpec, facts: ClusterFacts): boolean {
  const topic = facts.topics.find((fact) => fact.name === spec.name);
  if (topic === undefined) return false;
  if (isUnreadable(topic.configs)) return true; // nothing more will be known by waiting
  const configs: ConfigMap = topic.configs;
  return Object.entries(spec.configs).every(([name, value]) => configs.get(name) === value);
}

function refuseIfAny(plan: TopicPlan, view: Judgement): void {
  if (view.refused.length > 0) throw new TopicsRefusedError(plan.queue, view.problems);
}

/** Looks until done or out of time; the last look is what counts. */
async function lookUntil<T>(
  clock: Clock,
  limitMs: number,
  look: () => Promise<{ readonly seen: T; readonly done: boolean }>,
): Promise<T> {
  const endMs = clock.monotonicMs() + limitMs;
  for (;;) {
    const { seen, done } = await look();
    if (done || clock.monotonicMs() >= endMs) return seen;
    await new Promise<void>((resolve) => {
      clock.setTimer(LOOK_AGAIN_MS, resolve);
    });
  }
}

/**
 * The embedded cluster has no topic admin: a topic comes into being when its driver asks for it by name, always with the
 * cluster's own number of partitions and one copy in memory. It never exists before, so `onMissing` does not matter;
 * there is nothing to judge, and that is said.
 */
async function embeddedTopics(options: EnsureTopicsOptions, embedded: EmbeddedLimits): Promise<TopicFacts> {
  const { admin, plan, onWarning } = options;
  const names = plan.topics.map((topic) => topic.name);
  await admin.createTopics(
    names.map((name) => ({
      name,
      partitions: embedded.partitionsPerTopic,
      replicationFactor: 1,
      configs: {},
    })),
  );
  const found = await admin.describeTopics(names);
  const declared = plan.topics.find((topic) => topic.role === 'queue')?.partitions;
  const facts = actualTopics(
    plan,
    {
      partitionsOf: (name) => found.get(name)?.partitions.length ?? embedded.partitionsPerTopic,
      limitOf: () => undefined,
      // A task that is parked has its parts and its own record in one partition.
      maxUploadBytes: embedded.partitionBytes - parkedRecordBytes(plan),
    },
    found,
  );
  const { partitions } = facts.queue;
  const given = partitions === declared ? '' : ` (declared: ${declared})`;
  onWarning({
    code: 'TOPICS_NOT_JUDGED',
    severity: 'warn',
    topic: plan.queue,
    what: `embedded Kafka keeps tasks in this process's memory, in ${partitions} partitions${given}, and has no topic settings`,
    cure: 'Good for a first run and for tests. Connect to brokers for work that matters.',
  });
  return facts;
}

function parkedRecordBytes({ topics }: TopicPlan): number {
  return topics.find(({ role }) => role === 'parked')?.maxRecordBytes ?? 0;
}

/** What is known of topics by their names. */
interface TopicLookup {
  readonly partitionsOf: (name: string) => number | undefined;
  /** max.message.bytes */
  readonly limitOf: (name: string) => number | undefined;
  readonly maxUploadBytes: number;
}

/** What Kafka puts around the records of a batch, and counts against max.message.bytes. */
const BATCH_OVERHEAD_BYTES = 100;

/** Parts of less than that would be more records than content. A topic that takes no more is warned of, and refuses them. */
const LEAST_PART_RECORD_BYTES = 4_096;

function actualTopics(
  plan: TopicPlan,
  { partitionsOf, limitOf, maxUploadBytes }: TopicLookup,
  descriptions: ReadonlyMap<string, TopicDescription>,
): TopicFacts {
  const planned = (role: TopicRole): PlannedTopic => {
    const topic = plan.topics.find((candidate) => candidate.role === role);
    if (topic === undefined) throw new Error(`the plan has no ${role} topic`); // plans are made by planTopics
    return topic;
  };
  const actual = (role: TopicRole): ActualTopic => {
    const { name, partitions } = planned(role);
    return { name, id: descriptions.get(name)?.id, partitions: partitionsOf(name) ?? partitions };
  };
  const parts = planned('parts');
  const room = (limitOf(parts.name) ?? Number.POSITIVE_INFINITY) - BATCH_OVERHEAD_BYTES;
  const maxRecordBytes = Math.max(LEAST_PART_RECORD_BYTES, Math.min(parts.maxRecordBytes, room));
  return {
    queue: actual('queue'),
    state: actual('state'),
    parked: actual('parked'),
    parts: { ...actual('parts'), maxRecordBytes, maxUploadBytes },
  };
}
