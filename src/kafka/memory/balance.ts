import type { TopicPartition } from '../port.ts';
import { nameOf } from './partition-name.ts';

/** One who may own partitions. */
export interface Candidate {
  readonly topics: readonly string[];
}

/**
 * Who should own which partition: as even as the subscriptions allow, moving as few as that takes. Candidates come in
 * the order they joined; a partition's present owner keeps it unless he has two more than somebody else.
 */
export function balance<C extends Candidate>(
  candidates: readonly C[],
  partitions: readonly TopicPartition[],
  ownerOf: (partition: TopicPartition) => C | undefined,
): ReadonlyMap<string, C> {
  const target = new Map<string, C>();
  const load = new Map(candidates.map((candidate) => [candidate, 0]));
  const loadOf = (candidate: C) => load.get(candidate) ?? 0;
  const leastLoaded = (topic: string) =>
    candidates
      .filter(({ topics }) => topics.includes(topic))
      .reduce<C | undefined>((best, next) => (best && loadOf(best) <= loadOf(next) ? best : next), undefined);
  const give = (partition: TopicPartition, to: C) => {
    const from = target.get(nameOf(partition));
    if (from !== undefined) load.set(from, loadOf(from) - 1);
    target.set(nameOf(partition), to);
    load.set(to, loadOf(to) + 1);
  };

  const orphans: TopicPartition[] = [];
  for (const partition of partitions) {
    const owner = ownerOf(partition);
    const stays = owner !== undefined && load.has(owner) && owner.topics.includes(partition.topic);
    if (stays) give(partition, owner);
    else orphans.push(partition);
  }
  for (const partition of orphans) {
    const owner = leastLoaded(partition.topic);
    if (owner !== undefined) give(partition, owner);
  }
  for (let moved = true; moved; ) {
    moved = false;
    for (const partition of partitions) {
      const owner = target.get(nameOf(partition));
      const other = leastLoaded(partition.topic);
      if (owner === undefined || other === undefined || loadOf(owner) - loadOf(other) < 2) continue;
      give(partition, other);
      moved = true;
    }
  }
  return target;
}
