import type { Command, JournalHistory } from '../../journal/journal.ts';
import { type CommitState, decodeMetadata, type UnfinishedLane } from './commit-metadata.ts';
import type { ReadPart } from './log-read.ts';

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
  /**
   * By the epochs that {@link readPartsOf} names: where what the log's leader has of those leaders ends; undefined where it has
   * never heard of them. Empty where leaders do not tell.
   */
  readonly leaderEnds: ReadonlyMap<number, number | undefined>;
  /** Ids of the queue topic and the state topic as they are now; '' where topics have none. */
  readonly topicId: string;
  readonly statePin: string;
}

/** Why a partition is not worked on until somebody acts. */
export type StopReason =
  /**
   * Records of [from, to) are gone: of tasks that were not finished, or (an unclean leader election) at the end of the log,
   * finished or not, where others have taken their offsets since.
   */
  | 'data-loss'
  /** The committed offset lies beyond what keylane finished, and keylane did not write it. */
  | 'offset-ahead'
  /** The topic is not the one the offsets were committed for. Of the one that is gone, all from `from` on is lost. */
  | 'topic-recreated'
  /** The state topic is not the one the commits were written under: nobody can tell who owned what. */
  | 'state-topic-lost';

/** What an operator has to accept before the partition goes on: with a `below` of at least `to`. */
export interface Loss {
  readonly reason: StopReason;
  readonly from: number;
  readonly to: number;
}

export type TakingNote =
  /** What was lost had stopped the partition, and an operator has accepted it. */
  | ({ readonly kind: 'loss-accepted'; readonly by: string; readonly command: string } & Loss)
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
      /** What the group had read of the log; undefined = nobody has written down who appended it. */
      readonly read: ReadPart | undefined;
      readonly note: TakingNote | undefined;
      /** Offsets are those of other tasks than before: what the journal says of older ones is not about these. */
      readonly anew?: true;
    }
  /** Since our claim somebody has taken the partition, or its owner has gone on: only a new claim tells what is true. */
  | { readonly kind: 'superseded' }
  | ({
      readonly kind: 'stop';
      /** The log ends too early; soon it will not any more, and nothing but the journal can tell then. */
      readonly truncated?: true;
      /** Nothing but its end says so, which a broker that was replaced, or a new leader, may tell too low for a while. */
      readonly isDoubtful?: true;
    } & Loss);

type Start = Extract<TakingVerdict, { kind: 'start' }>;
type Stop = Extract<TakingVerdict, { kind: 'stop' }>;

/** The partition stops, and starts so once that is accepted. */
interface Lost {
  readonly kind: 'lost';
  readonly stop: Stop;
  readonly accepted: Start;
  /** So far it was all there when the owner of that epoch took it: commands that are older speak of what was lost before. */
  readonly wholeAt?: number | undefined;
}

/**
 * Decides where a new owner starts. The journal decides, the commit only saves work: a commit counts when its epoch is
 * that of the newest confirmed claim, or of a claim made after it (an owner that died between its taking commit and its
 * CONFIRM: that commit restates what it was allowed to read).
 */
export function judgeTaking(finding: TakingFinding): TakingVerdict {
  const { history } = finding;
  if ((history.newestConfirmedEpoch ?? -1) > finding.epoch) return { kind: 'superseded' };
  // An owner that does not know yet that it was replaced goes on, and its commits are stored until ours is:
  // (1) we claim, (2) it parks a task: its mark is above our claim, (3) it commits that the task is finished,
  // (4) we read that commit. Our CONFIRM would make the mark void, and nobody would find the task any more.
  if (finding.lastWord > finding.epoch) return { kind: 'superseded' };
  if ((newerCommit(finding)?.epoch ?? -1) > finding.epoch) return { kind: 'superseded' };
  const offsets = judgeOffsets(finding);
  let judged = offsets.kind === 'start' ? judgeLog(finding, offsets) : offsets;
  let note: TakingNote | undefined;
  while (judged.kind === 'lost') {
    const { stop, accepted, wholeAt } = judged;
    const command = acceptanceOf(finding, stop, wholeAt);
    if (command === undefined) return stop;
    const { reason, from, to } = stop;
    note = { kind: 'loss-accepted', reason, from, to, by: command.by, command: command.id };
    judged = judgeLog(finding, accepted);
  }
  return { ...judged, note: note ?? judged.note };
}

/** Of what was committed and what the journal says: what of the log it speaks of. */
export function readPartsOf(
  finding: Pick<TakingFinding, 'committed' | 'history' | 'statePin'>,
): readonly ReadPart[] {
  const commit = newerCommit(finding);
  return [readOfCommit(commit), readOfConfirm(finding.history)].filter((part) => part !== undefined);
}

function readOfCommit(state: CommitState | undefined): ReadPart | undefined {
  if (state?.leaderEpoch === undefined) return undefined;
  return { leaderEpoch: state.leaderEpoch, below: state.doneBelow };
}

function readOfConfirm({ newestConfirm }: JournalHistory): ReadPart | undefined {
  if (newestConfirm?.leaderEpoch === undefined) return undefined;
  return { leaderEpoch: newestConfirm.leaderEpoch, below: newestConfirm.frontier };
}

/**
 * The first of the operators' commands that accepts it, if one was given under the topics that are there now. Of those that
 * were known when somebody began to work here none speaks of what was lost since.
 */
function acceptanceOf(
  { history, topicId, statePin }: TakingFinding,
  { to }: Loss,
  wholeAt = -1,
): Command | undefined {
  const since = Math.max(history.newestConfirmedEpoch ?? -1, wholeAt);
  return history.pending.find(
    ({ verb, offset }) =>
      verb.name === 'accept-loss' &&
      offset > since &&
      verb.below >= to &&
      verb.topicId === topicId &&
      verb.statePin === statePin,
  );
}

/** Where what is committed and what the journal says would have the partition start. */
function judgeOffsets(finding: TakingFinding): Start | Lost {
  const { committed, history, topicId, logStart } = finding;
  const confirm = history.newestConfirm;
  if (confirm !== undefined && confirm.topicId !== topicId) {
    // How far the topic that is gone went nobody knows.
    const loss = { reason: 'topic-recreated', from: confirm.frontier, to: confirm.frontier } as const;
    return lost(loss, beginAnew(logStart));
  }
  if (confirm === undefined && committed === undefined)
    return { ...startAt(logStart, undefined), clean: true };
  return judgeCommit(finding);
}

/** Whether the log has what the partition would start with. */
function judgeLog(finding: TakingFinding, start: Start): Start | Lost {
  const { logStart, logEnd } = finding;
  const { frontier } = start;
  if (frontier < logStart) {
    const loss = { reason: 'data-loss', from: frontier, to: logStart } as const;
    return { ...lost(loss, startBehind(start, logStart)), wholeAt: start.trusted?.epoch };
  }
  const known = start.anew === true ? undefined : finding.history.truncated;
  const cut = cutOf(finding, start);
  const from = Math.min(known?.from ?? logEnd, logEnd, cut?.from ?? logEnd);
  const to = Math.max(known?.to ?? 0, frontier, start.doneBelow, cut?.to ?? 0);
  if (to <= from) return start;
  // Whoever sets the group's offset back to before the hole has all that is there run again.
  if (start.note?.kind === 'rewind-obeyed' && frontier <= from)
    return { ...start, read: below(start.read, frontier), anew: true };
  const loss = { reason: 'data-loss', from, to } as const;
  const isJudged = start.doneBelow <= from && hasJudgedHole(finding, start);
  if (isJudged && acceptanceOf(finding, loss) === undefined) return { ...start, anew: true };
  const { stop, accepted } = lost(loss, startBelow(start, from));
  const isDoubtful = known === undefined && cut === undefined && leadersTell(finding, start);
  return {
    kind: 'lost',
    stop: { ...stop, truncated: true, ...(isDoubtful ? { isDoubtful } : {}) },
    accepted,
  };
}

/** Whether a leader that was elected uncleanly would have said so. */
function leadersTell({ leaderEnds }: TakingFinding, { read }: Start): boolean {
  return read !== undefined && leaderEnds.has(read.leaderEpoch);
}

/**
 * Whether whoever made the commit had judged the hole that the journal tells of: it was set back to before the hole, say, and
 * its owner ended between its taking commit and its CONFIRM.
 */
function hasJudgedHole({ history: { truncated } }: TakingFinding, { trusted }: Start): boolean {
  return truncated !== undefined && trusted !== undefined && trusted.epoch > truncated.offset;
}

/** What was read and is not in the log any more, though the log may have grown again since. */
function cutOf(
  finding: TakingFinding,
  { read }: Start,
): { readonly from: number; readonly to: number } | undefined {
  const from = read === undefined ? undefined : finding.leaderEnds.get(read.leaderEpoch);
  if (read === undefined || from === undefined || from >= read.below) return undefined;
  return { from, to: read.below };
}

/** As much of it as lies below that offset. */
function below(read: ReadPart | undefined, end: number): ReadPart | undefined {
  return read === undefined ? undefined : { ...read, below: Math.min(read.below, end) };
}

/** What is unfinished below the hole is kept. Offsets from there on are of other tasks now. */
function startBelow(start: Start, end: number): Start {
  const frontier = Math.min(start.frontier, end);
  const doneBelow = Math.min(start.doneBelow, end);
  return {
    ...start,
    frontier,
    doneBelow,
    lanes: start.lanes.filter(({ offset }) => offset < end),
    read: below(start.read, end),
    anew: true,
  };
}

/** What is finished ahead is kept; of keys with something unfinished below, what is left begins there. */
function startBehind(start: Start, logStart: number): Start {
  const lanes = start.lanes.map((lane): UnfinishedLane => {
    if (lane.offset >= logStart) return lane;
    return { hash: lane.hash, offset: logStart, attempts: 0, firstFailedAtMs: undefined, starts: 0 };
  });
  const doneBelow = Math.max(start.doneBelow, logStart);
  return { ...start, frontier: logStart, doneBelow, lanes };
}

/** A commit in our form, under the present state topic. */
function newerCommit({
  committed,
  statePin,
}: Pick<TakingFinding, 'committed' | 'statePin'>): CommitState | undefined {
  if (committed === undefined) return undefined;
  const read = decodeMetadata(committed.metadata, committed.offset);
  return read.kind === 'state' && read.state.statePin === statePin ? read.state : undefined;
}

function judgeCommit(finding: TakingFinding): Start | Lost {
  const { committed, history, statePin, logStart } = finding;
  const confirm = history.newestConfirm;
  const read = readOfConfirm(history);
  if (committed === undefined) {
    const used = confirm?.frontier ?? logStart;
    return { ...startAt(used, { kind: 'committed-offset-missing', used }), read };
  }
  const found = decodeMetadata(committed.metadata, committed.offset);
  if (found.kind === 'state') {
    if (found.state.statePin !== statePin) return stateLost(finding, found.state);
    return judgeOwnCommit(finding, found.state);
  }
  if (found.kind === 'damaged') {
    const used = Math.min(committed.offset, confirm?.frontier ?? committed.offset);
    return { ...startAt(used, { kind: 'metadata-damaged', offset: committed.offset, used }), read };
  }
  if (confirm !== undefined && committed.offset > confirm.frontier) {
    const loss = { reason: 'offset-ahead', from: confirm.frontier, to: committed.offset } as const;
    return lost(loss, startAt(committed.offset, undefined));
  }
  const { offset } = committed;
  return { ...startAt(offset, { kind: 'rewind-obeyed', offset, was: confirm?.frontier }), read };
}

function judgeOwnCommit(finding: TakingFinding, state: CommitState): Start | Lost {
  const { history } = finding;
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
      read: readOfCommit(state),
      note: undefined,
    };
  }
  const confirm = history.newestConfirm;
  // Ours by its form, yet the journal knows no such epoch and nothing else either: the journal was lost.
  if (confirm === undefined) return stateLost(finding, state);
  const used = confirm.frontier;
  const note = { kind: 'commit-untrusted', epoch: state.epoch, offset: state.frontier, used } as const;
  return { ...startAt(used, note), read: readOfConfirm(history) };
}

/** Nothing but the commit is left to go by. When the log does not even reach so far, it is of another topic. */
function stateLost({ logStart, logEnd }: TakingFinding, state: CommitState): Lost {
  const { frontier, doneBelow, lanes } = state;
  const accepted =
    doneBelow > logEnd
      ? beginAnew(logStart)
      : { ...startAt(frontier, undefined), doneBelow, lanes, read: readOfCommit(state) };
  return lost({ reason: 'state-topic-lost', from: frontier, to: frontier }, accepted);
}

function lost(loss: Loss, accepted: Start): Lost {
  return { kind: 'lost', stop: { kind: 'stop', ...loss }, accepted };
}

function startAt(frontier: number, note: TakingNote | undefined): Start {
  const unknown = { trusted: undefined, clean: false, read: undefined };
  return { kind: 'start', frontier, doneBelow: frontier, lanes: [], ...unknown, note };
}

/** At an offset that had another task before. */
function beginAnew(frontier: number): Start {
  return { ...startAt(frontier, undefined), anew: true };
}
