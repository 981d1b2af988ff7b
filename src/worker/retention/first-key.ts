import type { PartitionState } from '../core/partition-state.ts';

/** The key of the unfinished task at an offset, if this owner knows it. */
export function firstKeyAt({ lanes }: PartitionState, offset: number): string | undefined {
  for (const lane of lanes.values()) if (lane.firstOffset === offset) return keyText(lane.key);
  return undefined;
}

/** Lane keys are the record's bytes as latin1. */
export function keyText(key: string): string {
  return Buffer.from(key, 'latin1').toString('utf8');
}
