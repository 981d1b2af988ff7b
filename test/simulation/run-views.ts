import type { Effect, Run } from '../../src/worker/core/effects.ts';
import type { Owner, Start } from './running-tasks.ts';

/** A start, as the reference sees it. */
export function startOf({ partition, item: { offset, key, type } }: Run): Start {
  return { partition: partition.partition, offset, key, type };
}

export function ownerOf({ partition, lane, item }: Run): Owner {
  return { state: partition, epoch: partition.epoch, aside: lane.aside, given: item.record.offset };
}

/** For the trace. */
export function describe(effect: Effect): string {
  if ('run' in effect) return `${effect.kind} ${effect.run.partition.partition}@${effect.run.item.offset}`;
  if (effect.kind === 'commit') {
    return `commit ${effect.items.map(({ partition, offset, metadata }) => `${partition.partition}@${offset} ${metadata}`).join(' ')}`;
  }
  return 'partition' in effect ? `${effect.kind} ${effect.partition.partition}` : effect.kind;
}
