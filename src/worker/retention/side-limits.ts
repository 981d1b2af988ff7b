/** The ends of a log as they were before anything else was asked about it. */
export interface Ends {
  readonly start: number;
  readonly end: number;
}

/**
 * How far back times are tried, in multiples of what finished tasks are kept for: what one queue partition has not finished
 * may be much older, and no record has to be read to find out how old.
 */
const MULTIPLES = [1, 1.25, 1.5, 2, 4, 8, 16, 32, 64] as const;

/** Within so many multiples the log of a queue in good order begins: it is stated and purged only now and then. */
export const USUAL_MULTIPLE = 4;

/** Times of the brokers' clocks, the youngest first: one after the other is tried. None before the epoch. */
export function timesToTry(
  brokerNowMs: number,
  keepMs: number,
): readonly { multiple: number; timeMs: number }[] {
  return MULTIPLES.map((multiple) => ({
    multiple,
    timeMs: Math.floor(brokerNowMs - keepMs * multiple),
  })).filter(({ timeMs }) => timeMs > 0);
}

/**
 * Whether a log holds nothing that is older than the time for which `found` was answered: the first record that is not
 * older is its first record.
 */
export function isYounger({ start, end }: Ends, found: number | undefined): boolean {
  return start === end || found === start;
}

/** Below it everything is older than the time for which `found` was answered. */
export function olderBelow({ end }: Ends, found: number | undefined): number {
  // None: all that was in the log is older. What has come since is not, so the end is the one from before.
  return found ?? end;
}

/** Where the parked topic may be deleted below, and what keeps more of it than age does. */
export function parkedLimit(
  log: Ends,
  found: number | undefined,
  lowestNeeded: number | undefined,
): {
  readonly below: number;
  readonly pinned: { readonly from: number; readonly records: number } | undefined;
} {
  const oldBelow = Math.max(log.start, olderBelow(log, found));
  // No mark begins beyond the log's end, unless the topic was made anew since: then its copies may be anywhere.
  const isOfThisLog = lowestNeeded === undefined || lowestNeeded <= log.end;
  const needed = isOfThisLog ? Math.max(log.start, lowestNeeded ?? oldBelow) : log.start;
  if (needed >= oldBelow) return { below: oldBelow, pinned: undefined };
  return { below: needed, pinned: { from: needed, records: oldBelow - needed } };
}
