import type {
  ClaimEntry,
  Command,
  CommandEntry,
  ConfirmEntry,
  DoneEntry,
  JournalHistory,
  Mark,
  MarkEntry,
  ProgressEntry,
  TruncatedEntry,
  WrittenEntry,
} from './journal.ts';

type Written<Entry> = Entry & { readonly offset: number };
/** What an owner writes. */
type OwnedEntry = Exclude<WrittenEntry, ClaimEntry | CommandEntry>;

/**
 * What the journal says of one (group, partition), as far as it was added. An entry of epoch e at offset s is void when
 * a confirmed claim c has e < c < s: somebody else owned the partition by then. A claim is confirmed by a confirmation
 * that is not void.
 */
export class JournalSummary {
  #claims = new Set<number>();
  #newestConfirmedEpoch: number | undefined;
  #newestConfirm: JournalHistory['newestConfirm'];
  #lastWord = -1;
  #era = -1;
  #truncated: JournalHistory['truncated'];
  #marks = new Map<number, Mark>();
  /** Live marks by what they are of. */
  #markOf = new Map<string, number>();
  /** By mark: whose begin was counted last as one that did not get on. */
  #stalledIn = new Map<number, number>();
  #pending = new Map<string, Command>();
  #heldKeys = new Set<string>();
  #heldTypes = new Set<string>();

  copy(): JournalSummary {
    const copy = new JournalSummary();
    copy.#claims = new Set(this.#claims);
    copy.#newestConfirmedEpoch = this.#newestConfirmedEpoch;
    copy.#newestConfirm = this.#newestConfirm;
    copy.#lastWord = this.#lastWord;
    copy.#era = this.#era;
    copy.#truncated = this.#truncated;
    copy.#marks = new Map(this.#marks);
    copy.#markOf = new Map(this.#markOf);
    copy.#stalledIn = new Map(this.#stalledIn);
    copy.#pending = new Map(this.#pending);
    copy.#heldKeys = new Set(this.#heldKeys);
    copy.#heldTypes = new Set(this.#heldTypes);
    return copy;
  }

  /** Adds entries in any order; all of them are later than what was added before. */
  addAll(entries: Iterable<WrittenEntry>): void {
    const sorted = [...entries].sort((a, b) => a.offset - b.offset);
    const voidFrom = this.#judge(sorted);
    for (const entry of sorted) {
      if (entry.kind === 'claim') continue;
      if (entry.kind === 'command') {
        this.#addCommand(entry);
        continue;
      }
      const end = voidFrom.get(entry.epoch);
      if (end !== undefined && entry.offset > entry.epoch && entry.offset <= end) this.#add(entry);
    }
  }

  history(): JournalHistory {
    return {
      claims: new Set(this.#claims),
      newestConfirmedEpoch: this.#newestConfirmedEpoch,
      newestConfirm: this.#newestConfirm,
      lastWord: this.#lastWord,
      era: this.#era,
      truncated: this.#truncated,
      marks: [...this.#marks.values()],
      pending: [...this.#pending.values()],
      heldKeys: new Set(this.#heldKeys),
      heldTypes: new Set(this.#heldTypes),
    };
  }

  get newestConfirm(): JournalHistory['newestConfirm'] {
    return this.#newestConfirm;
  }

  /** What is parked, oldest first. */
  get marks(): Iterable<Mark> {
    return this.#marks.values();
  }

  /** For each claim that may still say something, the offset from which what it says is void. */
  #judge(entries: readonly WrittenEntry[]): ReadonlyMap<number, number> {
    const confirmsOf = new Map<number, number[]>();
    for (const entry of entries) {
      if (entry.kind === 'claim') this.#claims.add(entry.offset);
      if (entry.kind !== 'confirm' || entry.offset < entry.epoch) continue;
      const list = confirmsOf.get(entry.epoch);
      if (list === undefined) confirmsOf.set(entry.epoch, [entry.offset]);
      else list.push(entry.offset);
    }
    const known = this.#newestConfirmedEpoch;
    const voidFrom = new Map<number, number>();
    let newestConfirmed: number | undefined;
    // From the newest claim down: whether a confirmation counts depends only on newer claims.
    // Of the newer ones only the lowest matters: an entry is void when it was written after any of them.
    let lowestNewer = Number.POSITIVE_INFINITY;
    for (const epoch of [...this.#claims].sort((a, b) => b - a)) {
      const end = lowestNewer;
      voidFrom.set(epoch, end);
      const isConfirmed = epoch === known || confirmsOf.get(epoch)?.some((offset) => offset <= end);
      if (isConfirmed !== true) continue;
      newestConfirmed ??= epoch;
      lowestNewer = epoch;
    }
    this.#newestConfirmedEpoch = newestConfirmed;
    if (newestConfirmed !== undefined) {
      const from = newestConfirmed;
      this.#claims = new Set([...this.#claims].filter((claim) => claim >= from));
    }
    return voidFrom;
  }

  #add(entry: OwnedEntry): void {
    if (entry.kind !== 'confirm') this.#lastWord = entry.offset;
    switch (entry.kind) {
      case 'confirm': {
        const { era, reason, accepted = [] } = entry;
        this.#newestConfirm = confirmOf(entry);
        this.#era = Math.max(this.#era, era ?? -1); // an older version that owns the partition leaves it out
        if (reason === 'taken') this.#truncated = undefined;
        for (const command of accepted) this.#pending.delete(command);
        return;
      }
      case 'mark':
        this.#pending.delete(entry.command);
        this.#addMark(entry);
        return;
      case 'progress': {
        this.#addProgress(entry);
        return;
      }
      case 'cleared': {
        this.#pending.delete(entry.command);
        const mark = this.#marks.get(entry.mark);
        if (mark === undefined) return;
        this.#marks.delete(mark.id);
        this.#markOf.delete(subjectOf(mark));
        this.#stalledIn.delete(mark.id);
        return;
      }
      case 'done':
        this.#addDone(entry);
        return;
      case 'truncated':
        this.#addTruncated(entry);
    }
  }

  #addTruncated({ from, to, offset }: TruncatedEntry & { readonly offset: number }): void {
    const known = this.#truncated;
    this.#truncated = {
      from: Math.min(from, known?.from ?? from),
      to: Math.max(to, known?.to ?? to),
      offset,
    };
  }

  #addProgress({ mark: id, done, epoch }: ProgressEntry): void {
    const mark = this.#marks.get(id);
    if (mark === undefined) return;
    if (done > mark.done) {
      this.#stalledIn.delete(id);
      this.#marks.set(id, { ...mark, done, stalls: 0 });
    } else if (this.#stalledIn.get(id) !== epoch) {
      // An owner writes again what it was not told the outcome of: that is one begin.
      this.#stalledIn.set(id, epoch);
      this.#marks.set(id, { ...mark, stalls: mark.stalls + 1 });
    }
  }

  #addMark(entry: Written<MarkEntry>): void {
    const subject = subjectOf({ ...entry, era: this.#era });
    const known = this.#marks.get(this.#markOf.get(subject) ?? -1);
    // An owner writes a mark again when it was not told what became of it, and copies only for the one it was told of:
    // the newer. Of two owners' marks the older counts: the newer owner knows of it, and whoever does not is void.
    if (known !== undefined && known.epoch !== entry.epoch) return;
    if (known !== undefined) this.#marks.delete(known.id);
    const { epoch, key, scope, from, parkedFrom, parkedTopicId, type, reason, error, atMs, command } = entry;
    this.#markOf.set(subject, entry.offset);
    this.#marks.set(entry.offset, {
      id: entry.offset,
      epoch,
      key,
      scope,
      from,
      era: this.#era,
      parkedFrom,
      parkedTopicId,
      type,
      taskId: entry.id,
      reason,
      error,
      atMs,
      command,
      done: -1,
      discarded: [],
      redrives: 0,
      stalls: 0,
    });
  }

  #addCommand({ id, offset, key, verb, by }: Written<CommandEntry>): void {
    switch (verb.name) {
      case 'hold':
        this.#heldKeys.add(key);
        return;
      case 'release':
        this.#heldKeys.delete(key);
        return;
      case 'hold-type':
        this.#heldTypes.add(verb.type);
        return;
      case 'release-type':
        this.#heldTypes.delete(verb.type);
        return;
      default:
        // One that was sent twice counts once.
        if (!this.#pending.has(id)) this.#pending.set(id, { id, offset, key, verb, by });
    }
  }

  #addDone({ command, outcome }: DoneEntry): void {
    const verb = this.#pending.get(command)?.verb;
    this.#pending.delete(command);
    if (verb === undefined || !('mark' in verb)) return;
    const mark = this.#marks.get(verb.mark);
    if (mark === undefined) return;
    if (verb.name === 'redrive' && outcome === 'gave-up') {
      this.#stalledIn.delete(mark.id);
      this.#marks.set(mark.id, { ...mark, redrives: mark.redrives + 1, stalls: 0 });
    }
    if (verb.name === 'discard-task' && outcome === 'discarded') {
      this.#marks.set(mark.id, { ...mark, discarded: [...mark.discarded, verb.offset] });
    }
  }
}

/** What two marks must not both be of. */
function subjectOf({ era, scope, key, from }: Pick<Mark, 'era' | 'scope' | 'key' | 'from'>): string {
  return scope === 'key' ? `${era} key ${key}` : `${era} task ${from}`;
}

export function confirmOf({
  epoch,
  frontier,
  topicId,
  leaderEpoch,
}: ConfirmEntry): NonNullable<JournalHistory['newestConfirm']> {
  return { epoch, frontier, topicId, ...(leaderEpoch === undefined ? {} : { leaderEpoch }) };
}
