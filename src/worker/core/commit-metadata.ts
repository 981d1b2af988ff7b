import { KEY_HASH_LENGTH } from './key-hash.ts';

/**
 * What keylane writes beside a committed offset, so that a new owner repeats nothing that was finished and committed:
 * "everything below `doneBelow` is finished, except what these keys have at or above these offsets".
 *
 * It only saves work. Losing it costs re-runs, never order and never a task.
 */
export interface CommitState {
  /** The committed offset: the lowest unfinished one. */
  readonly frontier: number;
  readonly epoch: number;
  /** True when the partition was given up with everything that was ever started settled; false while it is owned. */
  readonly clean: boolean;
  /** Identifies the state topic this epoch counts in; '' where topics have no ids. */
  readonly statePin: string;
  readonly doneBelow: number;
  /**
   * Tasks below may have been started, none at or above was. If the owner ends uncleanly, those that are not finished are
   * suspects: one of them may have ended it.
   */
  readonly horizon: number;
  /** Everything below `doneBelow` was appended by leaders up to this epoch; left out where that is not known. */
  readonly leaderEpoch?: number | undefined;
  /** Keys with something unfinished below `doneBelow`, by their first unfinished offset. */
  readonly lanes: readonly UnfinishedLane[];
}

export interface UnfinishedLane {
  readonly hash: string;
  readonly offset: number;
  /** Failed attempts of the task at `offset`. */
  readonly attempts: number;
  /** When the first of them failed, epoch milliseconds; undefined when attempts is 0. */
  readonly firstFailedAtMs: number | undefined;
  /** How often this task was started as a suspect, the start that may now be under way included. */
  readonly starts: number;
}

export type DecodedMetadata =
  | { readonly kind: 'state'; readonly state: CommitState }
  /** Not written by keylane (another tool, or none). */
  | { readonly kind: 'foreign' }
  /** Ours, but not as it was written, or written for another offset. */
  | { readonly kind: 'damaged' };

/** Brokers take 4,095 characters (`offset.metadata.max.bytes`, measured); we stay below. */
export const METADATA_LIMIT = 4_000;

/** So many characters are kept free for the starts of suspects, so that these never wait for a held key to be released. */
const SUSPECTS_ROOM = 64;
/** Stands for one start; one character. */
const START_MARK = '!';
/** Owners say at most so much more than they have started. */
export const HORIZON_MAX = 65_536;

const prefix = 'kl1.';
/** Kafka's are 32 bits with a sign. */
const LEADER_EPOCH_MAX = 2 ** 31 - 1;
/** 32 bits in base 36, at most: which text has a short one cannot be foreseen. */
const CHECKSUM_LENGTH = 7;

interface Written {
  readonly text: string;
  readonly doneBelow: number;
}

type SixTexts = [string, string, string, string, string, string];

/** The metadata text, and the state it really holds when not everything fitted. */
export function encodeMetadata(full: CommitState): Written {
  const lanes = [...full.lanes].sort((a, b) => a.offset - b.offset);
  const exact = writeFirst(full, lanes, lanes.length);
  if (exact.text.length <= METADATA_LIMIT) return exact;
  const untried = lanes.map((lane) => ({ ...lane, attempts: 0 }));
  const all = writeFirst(full, untried, lanes.length);
  if (all.text.length <= METADATA_LIMIT) return all;
  // Too many keys are unfinished: say less. Below the first key left out everything said is still true.
  let fits = 0;
  let tooMany = lanes.length;
  while (fits + 1 < tooMany) {
    const half = (fits + tooMany) >> 1;
    if (writeFirst(full, untried, half).text.length <= METADATA_LIMIT) fits = half;
    else tooMany = half;
  }
  return writeFirst(full, untried, fits);
}

/**
 * Whether these lanes fit, and will still fit when each has moved on to a later task below `doneBelow`: what the start
 * gate asks. A lane costs its hash, a comma and the digits of its distance to the one before; for a given span these are
 * the most when all distances are equal (the logarithm is concave).
 */
export function metadataFits(full: CommitState): boolean {
  const count = full.lanes.length;
  const horizon = Math.max(full.horizon, full.doneBelow + HORIZON_MAX);
  const rest =
    prefix.length +
    CHECKSUM_LENGTH +
    1 +
    bodyOf({ ...full, horizon, leaderEpoch: LEADER_EPOCH_MAX, lanes: [] }).length;
  let starts = 0;
  for (const lane of full.lanes) starts += lane.starts;
  const meanDistance = (full.doneBelow - full.frontier) / Math.max(1, count);
  const digits = 1 + Math.log(Math.max(1, meanDistance)) / Math.log(36);
  return rest + count * (KEY_HASH_LENGTH + 1 + digits) + Math.max(SUSPECTS_ROOM, starts) <= METADATA_LIMIT;
}

/**
 * Lanes that fit whatever their offsets are, while the topic's id is one of Kafka's: below this the start gate need not
 * look closer.
 */
export const LANES_THAT_ALWAYS_FIT = 245;

/** All that can be said by naming the first so many lanes. */
function writeFirst(full: CommitState, lanes: readonly UnfinishedLane[], count: number): Written {
  const doneBelow = lanes[count]?.offset ?? full.doneBelow;
  const body = bodyOf({ ...full, doneBelow, lanes: lanes.slice(0, count) });
  return { text: `${prefix}${checksum(full.frontier, body)}.${body}`, doneBelow };
}

function bodyOf(state: CommitState): string {
  let list = '';
  let last = state.frontier;
  for (const lane of state.lanes) {
    list += `${lane.hash}${(lane.offset - last).toString(36)}${START_MARK.repeat(lane.starts)}`;
    if (lane.attempts > 0)
      list += `~${lane.attempts.toString(36)}~${(lane.firstFailedAtMs ?? 0).toString(36)}`;
    list += ',';
    last = lane.offset;
  }
  return [
    state.epoch.toString(36),
    state.clean ? 'c' : 'u',
    state.statePin,
    // What follows the number is passed over by versions that do not know it.
    (state.doneBelow - state.frontier).toString(36) + leaderOf(state),
    Math.max(0, state.horizon - state.frontier).toString(36),
    list,
  ].join('.');
}

function leaderOf({ leaderEpoch }: CommitState): string {
  return leaderEpoch === undefined ? '' : `~${leaderEpoch.toString(36)}`;
}

/** Reads metadata found beside a committed offset. */
export function decodeMetadata(text: string, offset: number): DecodedMetadata {
  if (!text.startsWith('kl')) return { kind: 'foreign' };
  if (!text.startsWith(prefix)) return { kind: 'damaged' };
  const [sum, ...fields] = text.slice(prefix.length).split('.');
  if (sum !== checksum(offset, fields.join('.')) || fields.length !== 6) return { kind: 'damaged' };
  const [epoch, clean, statePin, span, ahead, list] = fields as SixTexts; // counted above
  const [, leader] = span.split('~');
  const leaderEpoch = leader === undefined ? undefined : Number.parseInt(leader, 36);
  const lanes: UnfinishedLane[] = [];
  let last = offset;
  for (const item of list.split(',').slice(0, -1)) {
    const lane = laneOf(item, last);
    lanes.push(lane);
    last = lane.offset;
  }
  const state: CommitState = {
    frontier: offset,
    epoch: Number.parseInt(epoch, 36),
    clean: clean === 'c',
    statePin,
    doneBelow: offset + Number.parseInt(span, 36),
    horizon: offset + Number.parseInt(ahead, 36),
    ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
    lanes,
  };
  const numbers = [
    state.epoch,
    state.doneBelow,
    state.horizon,
    leaderEpoch ?? 0,
    ...lanes.flatMap((lane) => [lane.offset, lane.attempts, lane.firstFailedAtMs ?? 0]),
  ];
  return numbers.every(Number.isSafeInteger) ? { kind: 'state', state } : { kind: 'damaged' };
}

function laneOf(item: string, last: number): UnfinishedLane {
  const [place, attempts, firstFailed] = item.slice(KEY_HASH_LENGTH).split('~') as [string, string?, string?];
  const [distance, ...starts] = place.split(START_MARK) as [string, ...string[]]; // whatever is split has a first part
  return {
    hash: item.slice(0, KEY_HASH_LENGTH),
    offset: last + Number.parseInt(distance, 36),
    attempts: attempts === undefined ? 0 : Number.parseInt(attempts, 36),
    firstFailedAtMs: firstFailed === undefined ? undefined : Number.parseInt(firstFailed, 36),
    starts: starts.length,
  };
}

/** FNV-1a over the offset and the body: the metadata belongs to the offset it was written with. */
function checksum(offset: number, body: string): string {
  const text = `${offset}.${body}`;
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    h ^= text.charCodeAt(i);
    h = Math.imul(h, 0x01000193);
  }
  return (h >>> 0).toString(36);
}
