import type { TopicSpec } from '../admin.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { connectionTo, LEADER_NOT_AVAILABLE, readMetadata } from './metadata.ts';
import { type Attempt, type Requests, send } from './requests.ts';

/** Shorter than the client's request timeout, so that the broker's own answer comes first. */
const BROKER_TIMEOUT_MS = 10_000;

const TOPIC_ALREADY_EXISTS = 36;

/**
 * Creates topics; those that exist are left as they are. When an answer was lost and the request repeated, a topic of
 * our own making is reported as existing: look at it, as at any other.
 */
export async function createTopics(
  requests: Requests,
  specs: readonly TopicSpec[],
): Promise<{ readonly created: readonly string[]; readonly existed: readonly string[] }> {
  const names = specs.map((spec) => spec.name);
  const what = `Cannot create topics ${names.join(', ')}`;
  const created = new Set<string>();
  await requests.run(what, (attempt) => requestCreation(attempt, specs, created));
  await requests.run(`${what}: not every partition got a leader`, (attempt) =>
    requireLeaders(attempt, names),
  );
  return { created: names.filter((n) => created.has(n)), existed: names.filter((n) => !created.has(n)) };
}

async function requestCreation(
  attempt: Attempt,
  specs: readonly TopicSpec[],
  created: Set<string>,
): Promise<void> {
  const view = await readMetadata(attempt, []);
  const controller = await connectionTo(attempt, view, view.controllerId);
  const missing = specs.filter((spec) => !created.has(spec.name));
  const answer = await send(
    attempt.library.createTopicsV7.api,
    controller,
    missing.map((spec) => ({
      name: spec.name,
      numPartitions: spec.partitions,
      replicationFactor: spec.replicationFactor,
      assignments: [],
      configs: Object.entries(spec.configs).map(([name, value]) => ({ name, value })),
    })),
    BROKER_TIMEOUT_MS,
    false,
  );
  let refusal: BrokerRefusal | undefined;
  for (const { name, errorCode, errorMessage } of answer.topics) {
    if (errorCode === 0) created.add(name);
    else if (errorCode !== TOPIC_ALREADY_EXISTS) {
      refusal ??= new BrokerRefusal(errorCode, `'${name}': ${errorMessage ?? 'the broker gave no reason'}`);
    }
  }
  if (refusal !== undefined) throw refusal;
}

/** Asks every broker that can be reached: clients may ask any of them next, and brokers learn of a topic one by one. */
async function requireLeaders(attempt: Attempt, names: readonly string[]): Promise<void> {
  const { brokers } = await readMetadata(attempt, []);
  const views = await Promise.allSettled(
    [...brokers.values()].map(async (broker) =>
      readMetadata(attempt, names, await attempt.connections.to(broker)),
    ),
  );
  const answers = views.flatMap((view) => (view.status === 'fulfilled' ? [view.value] : []));
  if (answers.length === 0) {
    throw new AggregateError(
      views.map((view) => (view.status === 'rejected' ? view.reason : undefined)),
      'no broker answered',
    );
  }
  const waiting = names.filter((name) =>
    answers.some((view) => view.topics.get(name)?.partitions.every((p) => p.leader !== undefined) !== true),
  );
  if (waiting.length > 0) throw new BrokerRefusal(LEADER_NOT_AVAILABLE, `waiting for ${waiting.join(', ')}`);
}
