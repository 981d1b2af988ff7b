/**
 * The journal of a queue, kept in `<q>.state`. Nothing in it is ever overwritten or deleted. Ownership of a partition is
 * what its entries say: a CLAIM's own offset is the epoch, and a CONFIRM says that the group accepted that epoch.
 */
export type JournalEntry =
  | { readonly kind: 'claim'; readonly group: string; readonly partition: number; readonly by: string }
  | {
      readonly kind: 'confirm';
      readonly group: string;
      readonly partition: number;
      readonly epoch: number;
      /** Everything below is finished. */
      readonly frontier: number;
      /** Kafka's id of the queue topic; '' where topics have none. */
      readonly topicId: string;
      readonly reason: ConfirmReason;
    };

export type ConfirmReason = 'taken' | 'stopped' | 'periodic';

export type WrittenEntry = JournalEntry & { readonly offset: number };

/** What the journal says of one (group, partition). */
export interface JournalHistory {
  /** Offsets of all claims. */
  readonly claims: ReadonlySet<number>;
  /** The newest claim that was confirmed. */
  readonly newestConfirmedEpoch: number | undefined;
  /** The newest confirmation that is not void. */
  readonly newestConfirm:
    | { readonly epoch: number; readonly frontier: number; readonly topicId: string }
    | undefined;
}

/** The text of an entry: JSON below 1 KB, one field a fact. */
export function encodeEntry(entry: JournalEntry): string {
  return JSON.stringify({ v: 1, ...entry });
}

/** An entry's text; undefined for what keylane did not write, or a later version writes. */
export function decodeEntry(text: string): JournalEntry | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof raw !== 'object' || raw === null) return undefined;
  const { v, kind, group, partition, by, epoch, frontier, topicId, reason } = raw as Record<string, unknown>; // each field is checked below
  if (v !== 1 || typeof group !== 'string' || !isCount(partition)) return undefined;
  if (kind === 'claim' && typeof by === 'string') return { kind, group, partition, by };
  if (kind !== 'confirm' || !isCount(epoch) || !isCount(frontier) || typeof topicId !== 'string')
    return undefined;
  if (reason !== 'taken' && reason !== 'stopped' && reason !== 'periodic') return undefined;
  return { kind, group, partition, epoch, frontier, topicId, reason };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/**
 * Folds the entries of one (group, partition), in any order. An entry of epoch e at offset s is void when a confirmed
 * claim c of the same group and partition has e < c < s: somebody else owned the partition by then.
 */
export function foldJournal(entries: Iterable<WrittenEntry>): JournalHistory {
  const claims = new Set<number>();
  const confirmsOf = new Map<number, { offset: number; frontier: number; topicId: string }[]>();
  for (const entry of entries) {
    if (entry.kind === 'claim') {
      claims.add(entry.offset);
    } else {
      const list = confirmsOf.get(entry.epoch);
      if (list === undefined) confirmsOf.set(entry.epoch, [entry]);
      else list.push(entry);
    }
  }
  // From the newest claim down: whether a confirmation counts depends only on newer claims.
  // Of the newer ones only the lowest matters: an entry is void when it was written after any of them.
  let newestConfirmedEpoch: number | undefined;
  let lowestNewer = Number.POSITIVE_INFINITY;
  let newest: { offset: number; epoch: number; frontier: number; topicId: string } | undefined;
  for (const epoch of [...claims].sort((a, b) => b - a)) {
    let isConfirmed = false;
    for (const confirm of confirmsOf.get(epoch) ?? []) {
      if (lowestNewer < confirm.offset) continue;
      isConfirmed = true;
      if (newest === undefined || confirm.offset > newest.offset) newest = { ...confirm, epoch };
    }
    if (!isConfirmed) continue;
    newestConfirmedEpoch ??= epoch;
    lowestNewer = epoch;
  }
  return {
    claims,
    newestConfirmedEpoch,
    newestConfirm: newest && { epoch: newest.epoch, frontier: newest.frontier, topicId: newest.topicId },
  };
}
