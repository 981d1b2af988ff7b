import { foldJournal, type JournalEntry, type WrittenEntry } from '../../src/journal/journal.ts';
import { type CommitState, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import { judgeTaking, type TakingFinding, type TakingVerdict } from '../../src/worker/core/judge-taking.ts';

/** Of the worker that takes the partition. */
export const ownEpoch = 90;

/** Omits from each member of a union. */
type Without<E, K extends string> = E extends unknown ? Omit<E, K> : never;

/** What somebody wrote of the partition into the journal. */
export function written(offset: number, entry: Without<JournalEntry, 'group' | 'partition'>): WrittenEntry {
  return { ...entry, group: 'g', partition: 0, offset } as WrittenEntry; // what was left out is back
}

export function claim(offset: number): WrittenEntry {
  return written(offset, { kind: 'claim', by: 'w' });
}

export function confirm(offset: number, epoch: number, frontier: number, topicId = 'topic'): WrittenEntry {
  return written(offset, { kind: 'confirm', epoch, frontier, topicId, reason: 'taken' });
}

/** A partition whose owner of epoch 10 began at offset 50. */
export const worked: readonly WrittenEntry[] = [claim(10), confirm(11, 10, 50)];

/** What that owner committed. */
export function commit(
  state: Partial<CommitState> & { readonly frontier: number },
): TakingFinding['committed'] {
  const full: CommitState = {
    epoch: 10,
    clean: false,
    statePin: 'state',
    doneBelow: state.frontier,
    horizon: 120,
    lanes: [],
    ...state,
  };
  return { offset: full.frontier, metadata: encodeMetadata(full).text };
}

/** What is found otherwise than in a partition that is as it was, and has 1,000 records. */
export type Given = Partial<TakingFinding> & { readonly journal?: readonly WrittenEntry[] };

export function judge({ journal = worked, ...finding }: Given): TakingVerdict {
  return judgeTaking({
    epoch: ownEpoch,
    committed: undefined,
    history: foldJournal([...journal, claim(ownEpoch)]),
    lastWord: foldJournal(journal).lastWord,
    logStart: 0,
    logEnd: 1_000,
    leaderEnds: new Map(),
    topicId: 'topic',
    statePin: 'state',
    ...finding,
  });
}
