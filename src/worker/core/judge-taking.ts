import type { JournalHistory } from '../../journal/journal.ts';
import { type CommitState, decodeMetadata, type UnfinishedLane } from './commit-metadata.ts';

/** Everything a new owner reads about a partition between its CLAIM and its taking commit. */
export interface TakingFinding {
  readonly epoch: number;
  /** undefined = the group never committed here. */
  readonly committed: { readonly offset: number; readonly metadata: string } | undefined;
  readonly history: JournalHistory;
  /** {@link JournalHistory.lastWord} of the whole journal, read after the committed offset. */
  readonly lastWord: number;
  readonly logStart: number;
  readonly logEnd: number;
  /** Ids of the queue topic and the state topic as they are now; '' where topics have none. */
  readonly topicId: string;
  readonly statePin: string;
}

/** Why a partition is not worked on until somebody acts. */
export type StopReason =
  /** The records of [from, to) are gone although they were not finished. */
  | 'data-loss'
  /** The committed offset lies beyond what keylane finished, and keylane did not write it. */
  | 'offset-ahead'
  /** The topic is not the one the offsets were committed for. */
  | 'topic-recreated'
  /** The state topic is not the one the commits were written under: nobody can tell who owned what. */
  | 'state-topic-lost';

export type TakingNote =
  /** A commit that keylane did not write, at or below what was finished: obeyed, tasks from there on run again. */
  | { readonly kind: 'rewind-obeyed'; readonly offset: number; readonly was: number | undefined }
  /** The group's committed offset is gone; the journal's was used. */
  | { readonly kind: 'committed-offset-missing'; readonly used: number }
  /** The commit was written under an epoch that is not the newest one. */
  | {
      readonly kind: 'commit-untrusted';
      readonly epoch: number;
      readonly offset: number;
      readonly used: number;
    }
  | { readonly kind: 'metadata-damaged'; readonly offset: number; readonly used: number };

export type TakingVerdict =
  | {
      readonly kind: 'start';
      readonly frontier: number;
      readonly doneBelow: number;
      readonly lanes: readonly UnfinishedLane[];
      /** Of the commit that is trusted: whose it was, and below what its owner may have started tasks. */
      readonly trusted: { readonly epoch: number; readonly horizon: number } | undefined;
      readonly clean: boolean;
      readonly note: TakingNote | undefined;
    }
  /** Since our claim somebody has taken the partition, or its owner has gone on: only a new claim tells what is true. */
  | { readonly kind: 'superseded' }
  | { readonly kind: 'stop'; readonly reason: StopReason; readonly from: number; readonly to: number };

/**
 * Decides where a new owner starts. The journal decides, the commit only saves work: a commit counts when its epoch is
 * that of the newest confirmed claim, or of a claim made after it (an owner that died between its taking commit and its
 * CONFIRM: that commit restates what it was allowed to read).
 */
export function judgeTaking(finding: TakingFinding): TakingVerdict {
  const { history, topicId, logStart, logEnd } = finding;
  if ((history.newestConfirmedEpoch ?? -1) > finding.epoch) return { kind: 'superseded' };
  // An owner that does not know yet that it was replaced goes on, and its commits are stored until ours is:
  // (1) we claim, (2) it parks a task: its mark is above our claim, (3) it commits that the task is finished,
  // (4) we read that commit. Our CONFIRM would make the mark void, and nobody would find the task any more.
  if (finding.lastWord > finding.epoch) return { kind: 'superseded' };
  const confirm = history.newestConfirm;
  if (confirm !== undefined && confirm.topicId !== topicId) {
    return { kind: 'stop', reason: 'topic-recreated', from: confirm.frontier, to: logEnd };
  }
  const verdict = judgeCommit(finding);
  if (verdict.kind !== 'start') return verdict;
  const fresh = confirm === undefined && finding.committed === undefined;
  if (verdict.frontier < logStart && !fresh) {
    return { kind: 'stop', reason: 'data-loss', from: verdict.frontier, to: logStart };
  }
  if (verdict.frontier > logEnd) {
    return { kind: 'stop', reason: 'data-loss', from: logEnd, to: verdict.frontier };
  }
  return fresh ? { ...verdict, frontier: logStart, doneBelow: logStart, clean: true } : verdict;
}

function judgeCommit(finding: TakingFinding): TakingVerdict {
  const { committed, history, statePin } = finding;
  const confirm = history.newestConfirm;
  if (committed === undefined) {
    if (confirm === undefined) return startAt(finding.logStart, undefined);
    return startAt(confirm.frontier, { kind: 'committed-offset-missing', used: confirm.frontier });
  }
  const read = decodeMetadata(committed.metadata, committed.offset);
  if (read.kind === 'state') {
    if (read.state.statePin !== statePin) {
      return { kind: 'stop', reason: 'state-topic-lost', from: committed.offset, to: committed.offset };
    }
    if (read.state.epoch > finding.epoch) return { kind: 'superseded' };
    return judgeOwnCommit(read.state, history);
  }
  if (read.kind === 'damaged') {
    const used = Math.min(committed.offset, confirm?.frontier ?? committed.offset);
    return startAt(used, { kind: 'metadata-damaged', offset: committed.offset, used });
  }
  if (confirm !== undefined && committed.offset > confirm.frontier) {
    return { kind: 'stop', reason: 'offset-ahead', from: confirm.frontier, to: committed.offset };
  }
  return startAt(committed.offset, {
    kind: 'rewind-obeyed',
    offset: committed.offset,
    was: confirm?.frontier,
  });
}

function judgeOwnCommit(state: CommitState, history: JournalHistory): TakingVerdict {
  const newest = history.newestConfirmedEpoch;
  const trusted = history.claims.has(state.epoch) && (newest === undefined || state.epoch >= newest);
  if (trusted) {
    return {
      kind: 'start',
      frontier: state.frontier,
      doneBelow: state.doneBelow,
      lanes: state.lanes,
      trusted: { epoch: state.epoch, horizon: state.horizon },
      clean: state.clean,
      note: undefined,
    };
  }
  const confirm = history.newestConfirm;
  if (confirm === undefined) {
    // Ours by its form, yet the journal knows no such epoch and nothing else either: the journal was lost.
    return { kind: 'stop', reason: 'state-topic-lost', from: state.frontier, to: state.frontier };
  }
  const used = confirm.frontier;
  return startAt(used, { kind: 'commit-untrusted', epoch: state.epoch, offset: state.frontier, used });
}

function startAt(frontier: number, note: TakingNote | undefined): TakingVerdict {
  return { kind: 'start', frontier, doneBelow: frontier, lanes: [], trusted: undefined, clean: false, note };
}
