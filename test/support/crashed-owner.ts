import { foldJournal } from '../../src/journal/journal.ts';
import { decodeMetadata, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CommitItem } from '../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import { keyHash } from '../../src/worker/core/key-hash.ts';

const statePin = 'abcdefghijklmnopqrstuv';

/** What an owner left behind that ended uncleanly: nothing finished, tasks below the horizon perhaps started. */
export function crashed(
  horizon: number,
  lanes: readonly { readonly key: string; readonly offset: number; readonly starts: number }[] = [],
  clean = false,
): Partial<TakingFinding> {
  const doneBelow = Math.max(0, ...lanes.map(({ offset }) => offset + 1));
  const { text } = encodeMetadata({
    frontier: 0,
    epoch: 50,
    clean,
    statePin,
    doneBelow,
    horizon,
    lanes: lanes.map(({ key, offset, starts }) => ({
      hash: keyHash(key),
      offset,
      starts,
      attempts: 0,
      firstFailedAtMs: undefined,
    })),
  });
  return {
    committed: { offset: 0, metadata: text },
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 }]),
    logEnd: 1_000,
  };
}

/** What commits say: by offset, the starts of suspects. */
export function startsIn(items: readonly CommitItem[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const { metadata, offset } of items) {
    const read = decodeMetadata(metadata, offset);
    if (read.kind !== 'state') throw new Error(`read as ${read.kind}`);
    for (const lane of read.state.lanes) if (lane.starts > 0) found[lane.offset] = lane.starts;
  }
  return found;
}
