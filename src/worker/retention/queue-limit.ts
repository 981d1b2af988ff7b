/** How far a group has come in one partition of the queue. */
export interface GroupProgress {
  readonly group: string;
  /** Frontier of its newest CONFIRM in the journal that nothing can make void any more; undefined = there is none. */
  readonly confirmed: number | undefined;
  /** Everything below that was appended by leaders up to this epoch; undefined = it does not say. */
  readonly leaderEpoch: number | undefined;
  /** undefined = it has committed nothing. */
  readonly committed: number | undefined;
}

/** What is known of one partition of the queue. What is further down was asked for later. */
export interface QueueFacts {
  readonly start: number;
  readonly end: number;
  /** Of all declared groups. */
  readonly groups: readonly GroupProgress[];
  /** The first record that is too young to go; undefined = all that were there are old enough. */
  readonly youngFrom: number | undefined;
}

/** Old records that stay because a group is not done with them. */
export interface QueuePin {
  readonly group: string;
  /** Where it has come to; undefined = it has never worked here. */
  readonly committed: number | undefined;
  readonly from: number;
  readonly records: number;
}

/**
 * Records below this offset may be deleted; the log's start when none may. Every group has finished them, and says so
 * twice: in its commit, and in the journal. An owner that finds its commit damaged begins at what the journal says, and
 * if that were gone it would look like loss.
 */
export function queueLimit({ start, groups, youngFrom }: QueueFacts): number {
  let below = youngFrom ?? Number.POSITIVE_INFINITY;
  for (const { confirmed, committed } of groups) below = Math.min(below, confirmed ?? 0, committed ?? 0);
  return below > start && below !== Number.POSITIVE_INFINITY ? below : start;
}

/**
 * What keeps records that are old enough to go. A group that has finished them and has only not written that down in the
 * journal will do so soon; it counts when it has nothing there at all.
 */
export function queuePin({ start, end, groups, youngFrom }: QueueFacts): QueuePin | undefined {
  const oldBelow = youngFrom ?? end;
  let pin: QueuePin | undefined;
  for (const { group, confirmed, committed } of groups) {
    const reached = confirmed === undefined ? undefined : committed;
    const from = Math.max(start, reached ?? start);
    if (from >= oldBelow || (pin !== undefined && pin.from <= from)) continue;
    pin = { group, committed: reached, from, records: oldBelow - from };
  }
  return pin;
}

/**
 * The oldest leader that any group's word is about. Where a log was cut off at its end, a group that has not noticed speaks of
 * records that are gone, and others have their offsets now: of those groups none has finished anything beyond the end of this
 * leader.
 */
export function oldestLeader({ groups }: Pick<QueueFacts, 'groups'>): number | undefined {
  const known = groups.flatMap(({ leaderEpoch }) => leaderEpoch ?? []);
  return known.length === 0 ? undefined : Math.min(...known);
}
