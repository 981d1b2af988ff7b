import type { Told } from '../admin.ts';
import type { TopicPartition } from '../port.ts';
import { BrokerRefusal, classifyFailure } from './classify-failure.ts';
import {
  type ClusterView,
  connectionTo,
  leaderOf,
  readMetadata,
  readPartialMetadata,
  UNKNOWN_TOPIC,
} from './metadata.ts';
import type { Attempt, Connection } from './requests.ts';

/** Asks each partition's leader: one call of `ask` a leader, all at once. Throws when a partition has none. */
export async function eachLeader<P extends TopicPartition>(
  attempt: Attempt,
  partitions: readonly P[],
  ask: (connection: Connection, partitions: readonly P[], view: ClusterView) => Promise<void>,
): Promise<void> {
  if (partitions.length === 0) return;
  const view = await readMetadata(attempt, topicsOf(partitions));
  const byLeader = new Map<number, P[]>();
  for (const place of partitions) {
    const leader = leaderOf(view, place);
    if (typeof leader !== 'number') throw leader;
    addTo(byLeader, leader, place);
  }
  await Promise.all(
    [...byLeader].map(async ([leader, led]) => ask(await connectionTo(attempt, view, leader), led, view)),
  );
}

/** The leader of some partitions. */
export interface Leader {
  readonly attempt: Attempt;
  readonly connection: Connection;
  readonly view: ClusterView;
}

/** What was told of one partition, or what went wrong with it. */
export type Answer<T> = { readonly told: T } | { readonly error: unknown };

/** By {@link placeName}. */
export type Answers<T> = ReadonlyMap<string, Answer<T>>;

/**
 * Asks each partition's leader like {@link eachLeader}, and keeps apart what becomes of each: one answer a partition, in their
 * order. Throws only what concerns no partition in particular.
 */
export async function askEach<P extends TopicPartition, T>(
  attempt: Attempt,
  partitions: readonly P[],
  ask: (leader: Leader, partitions: readonly P[]) => Promise<Answers<T>>,
): Promise<readonly Answer<T>[]> {
  if (partitions.length === 0) return [];
  const view = await readPartialMetadata(attempt, topicsOf(partitions));
  const answers = new Map<string, Answer<T>>();
  const byLeader = new Map<number, P[]>();
  for (const place of partitions) {
    const leader = leaderOf(view, place);
    if (typeof leader === 'number') addTo(byLeader, leader, place);
    else answers.set(placeName(place), { error: leader });
  }
  await Promise.all(
    [...byLeader].map(async ([leader, led]) => {
      try {
        const connection = await connectionTo(attempt, view, leader);
        for (const [name, one] of await ask({ attempt, connection, view }, led)) answers.set(name, one);
      } catch (error) {
        for (const place of led) answers.set(placeName(place), { error });
      }
    }),
  );
  return partitions.map((place) => {
    const silence = `the leader said nothing of partition ${place.partition} of ${place.topic}`;
    return answers.get(placeName(place)) ?? { error: new BrokerRefusal(UNKNOWN_TOPIC, silence) };
  });
}

/** The answers as the port has them. `tell` says in its words what was told. */
export function toTold<P extends TopicPartition, A, T extends TopicPartition>(
  asked: readonly P[],
  answers: readonly Answer<A>[],
  tell: (place: P, told: A) => T,
): readonly Told<T>[] {
  return asked.map((place, nth): Told<T> => {
    const answer = answers[nth];
    if (answer !== undefined && 'told' in answer) return tell(place, answer.told);
    return { topic: place.topic, partition: place.partition, failure: classifyFailure(answer?.error) };
  });
}

/** All that was told; throws when something was not. */
export function allTold<P extends TopicPartition, A, T>(
  asked: readonly P[],
  answers: readonly Answer<A>[],
  tell: (place: P, told: A) => T,
): readonly T[] {
  return asked.map((place, nth) => {
    const answer = answers[nth];
    if (answer !== undefined && 'told' in answer) return tell(place, answer.told);
    throw answer?.error;
  });
}

export function placeName({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function topicsOf(partitions: readonly TopicPartition[]): readonly string[] {
  return [...new Set(partitions.map(({ topic }) => topic))];
}

/** Partitions as requests list them: topic by topic. */
export function byTopic<P extends TopicPartition, Item>(
  partitions: readonly P[],
  item: (place: P) => Item,
): { name: string; partitions: Item[] }[] {
  const items = new Map<string, Item[]>();
  for (const place of partitions) addTo(items, place.topic, item(place));
  return [...items].map(([name, ofTopic]) => ({ name, partitions: ofTopic }));
}

function addTo<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
