import type { TopicPartition } from '../port.ts';
import { type ClusterView, connectionTo, leaderOf, readMetadata } from './metadata.ts';
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

export function topicsOf(partitions: readonly TopicPartition[]): readonly string[] {
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

export function addTo<K, V>(groups: Map<K, V[]>, key: K, value: V): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}
