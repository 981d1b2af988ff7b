import { FORGET_MS, Turns } from './turns.ts';

/** When no other heavy content is here, so long is waited for records to leave; then it goes beside them. */
const PATIENCE_MS = 2_000;

/** Memory that one start has for its content: what its record does not hold. */
export interface Reservation {
  readonly bytes: number;
  /** So little that it has a share of its own. */
  readonly light: boolean;
  /** More than there was room for. */
  readonly beyond?: true;
}

/** What runs, and may want more than it started with. */
export interface Attempt {
  /** Those that end together have the same: tasks of a batch, from its call on. */
  readonly company: object;
}

interface Extension {
  readonly who: object;
  readonly attempt: Attempt;
  readonly bytes: number;
}

/** Whoever is next in a line and waits for records to leave. */
interface Wanted {
  readonly who: object;
  readonly bytes: number;
  readonly sinceMs: number;
  readonly askedMs: number;
  /** It has not asked for so long that nothing is kept back for it until it comes back. */
  forgotten: boolean;
}

/** Starts of one weight that wait. */
class Line {
  readonly turns = new Turns();
  usedBytes = 0;
  #wanted: Wanted | undefined;

  /** What is kept back for whoever is next. */
  get wantedBytes(): number {
    return this.#wanted === undefined || this.#wanted.forgotten ? 0 : this.#wanted.bytes;
  }

  /** Keeps memory back from now on. Returns since when. */
  want(who: object, bytes: number, nowMs: number): number {
    const sinceMs = this.#wanted?.who === who ? this.#wanted.sinceMs : nowMs;
    this.#wanted = { who, bytes, sinceMs, askedMs: nowMs, forgotten: false };
    return sinceMs;
  }

  wantNothing(who: object): void {
    if (this.#wanted?.who === who) this.#wanted = undefined;
  }

  forget(nowMs: number): void {
    if (this.#wanted !== undefined && nowMs - this.#wanted.askedMs > FORGET_MS) this.#wanted.forgotten = true;
  }
}

/**
 * Bytes of tasks that a process may hold at once, shared by all its workers: records that were read, and the content of
 * tasks that run (decoded payloads, bodies, windows of parts).
 *
 * For records it is a gate before reading, never a reason to drop: who finds it closed waits. It opens again only well
 * below its limit, so that reading does not stop and go. Records have what no content has, and half at least.
 *
 * Content is reserved before its task starts, in turn. Whoever is next and waits for records to leave keeps back what comes
 * free. What is larger than the share of contents goes when no other heavy content is here. Light ones do not wait for
 * heavy ones: a small share is theirs.
 */
export class SharedBudget {
  readonly limitBytes: number;
  readonly #readers = new Turns();
  readonly #heavy = new Line();
  readonly #light = new Line();
  #recordBytes = 0;
  readonly #extending = new Turns();
  #closed = false;
  /** Whoever has more than there was room for, and how often. */
  #beyond: { readonly attempt: Attempt; count: number } | undefined;

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#recordBytes + this.#contentBytes;
  }

  /** Whether more may be read now. */
  get open(): boolean {
    const limit = this.#recordLimitBytes;
    if (this.#recordBytes >= limit) this.#closed = true;
    else if (this.#recordBytes <= limit * 0.75) this.#closed = false;
    return !this.#closed;
  }

  /**
   * Whether this worker reads now: its turn is used up with that. When the budget opens, those that found it closed go
   * first, in turn: a worker that frees memory and takes it again at once would leave nothing to the others.
   */
  admits(worker: object, nowMs: number): boolean {
    if (!this.wouldAdmit(worker, nowMs)) {
      this.#readers.wait(worker, nowMs);
      return false;
    }
    this.#readers.leave(worker);
    return true;
  }

  /** Whether it could read now. It keeps its turn. */
  wouldAdmit(worker: object, nowMs: number): boolean {
    this.#forgetWanted(nowMs);
    return this.open && this.#readers.isNext(worker, nowMs);
  }

  /** For records. */
  get roomBytes(): number {
    return Math.max(0, this.#recordLimitBytes - this.#recordBytes);
  }

  /** A start waits for records to leave. */
  get wantsRoom(): boolean {
    return this.#heavy.wantedBytes + this.#light.wantedBytes > 0;
  }

  /** Records. */
  take(bytes: number): void {
    this.#recordBytes += bytes;
    if (this.#recordBytes >= this.#recordLimitBytes) this.#closed = true;
  }

  release(bytes: number): void {
    this.#recordBytes -= bytes;
  }

  /** Memory for the content of one start; undefined: it has to wait, and `who` to ask again. */
  reserve(who: object, bytes: number, nowMs: number): Reservation | undefined {
    this.#forgetWanted(nowMs);
    const light = this.isLight(bytes);
    const line = light ? this.#light : this.#heavy;
    line.turns.wait(who, nowMs);
    if (!line.turns.isNext(who, nowMs)) return undefined;
    if (!(light ? this.#letsLightGo(who, bytes, nowMs) : this.#letsHeavyGo(who, bytes, nowMs)))
      return undefined;
    line.turns.leave(who);
    line.wantNothing(who);
    return this.reserveAnyway(bytes);
  }

  /** It does not wait any more. */
  withdraw(who: object): void {
    this.#readers.leave(who);
    this.#extending.leave(who);
    for (const line of [this.#light, this.#heavy]) {
      line.turns.leave(who);
      line.wantNothing(who);
    }
  }

  /** The same as {@link reserve}, whatever else is here. */
  reserveAnyway(bytes: number): Reservation {
    const light = this.isLight(bytes);
    (light ? this.#light : this.#heavy).usedBytes += bytes;
    return { bytes, light };
  }

  /**
   * More for a task that runs: it must not wait for starts, which may wait for what it has. Undefined: `who` has to ask
   * again. One attempt at a time gets all that it asks for, whatever else is here, and the rest of its batch with it: it
   * waits for nobody, so it comes to its end, and those that wait, in turn, wait for nothing else.
   */
  extend({ who, attempt, bytes }: Extension, nowMs: number): Reservation | undefined {
    const isBeyond = this.#beyond?.attempt.company === attempt.company;
    if (!isBeyond) {
      this.#extending.wait(who, nowMs);
      if (!this.#extending.isNext(who, nowMs)) return undefined;
    }
    const fits =
      this.usedBytes + bytes <= this.limitBytes && this.#contentBytes + bytes <= this.limitBytes / 2;
    if (!fits && !isBeyond && this.#beyond !== undefined) return undefined;
    this.#extending.leave(who);
    const reservation = this.reserveAnyway(bytes);
    if (fits) return reservation;
    this.#beyond ??= { attempt, count: 0 };
    this.#beyond.count += 1;
    return { ...reservation, beyond: true };
  }

  giveBack({ bytes, light, beyond }: Reservation): void {
    if (beyond === true && this.#beyond !== undefined) {
      this.#beyond.count -= 1;
      if (this.#beyond.count === 0) this.#beyond = undefined;
    }
    (light ? this.#light : this.#heavy).usedBytes -= bytes;
  }

  /** Whether it has the share of the light ones. */
  isLight(bytes: number): boolean {
    return bytes <= this.limitBytes / 64;
  }

  get #contentBytes(): number {
    return this.#heavy.usedBytes + this.#light.usedBytes;
  }

  get #lightShareBytes(): number {
    return this.limitBytes / 16;
  }

  /** With the light ones' share it is half of all. */
  get #heavyLimitBytes(): number {
    return this.limitBytes / 2 - this.#lightShareBytes;
  }

  get #recordLimitBytes(): number {
    const wantedBytes = this.#heavy.wantedBytes + this.#light.wantedBytes;
    return Math.max(this.limitBytes / 2, this.limitBytes - this.#contentBytes - wantedBytes);
  }

  /** Beyond their share light ones take what heavy ones do not want. */
  #letsLightGo(who: object, bytes: number, nowMs: number): boolean {
    const { usedBytes } = this.#light;
    if (usedBytes + bytes <= this.#lightShareBytes) return true;
    const isOthers = !this.#heavy.turns.isEmpty(nowMs) || this.#contentBytes + bytes > this.limitBytes / 2;
    if (isOthers) {
      this.#light.wantNothing(who);
      return false;
    }
    if (this.usedBytes + bytes <= this.limitBytes) return true;
    this.#light.want(who, bytes, nowMs);
    return false;
  }

  #letsHeavyGo(who: object, bytes: number, nowMs: number): boolean {
    const { usedBytes } = this.#heavy;
    // Whoever wants more than all heavy ones may have goes alone.
    if (usedBytes > 0 && usedBytes + bytes > this.#heavyLimitBytes) {
      this.#heavy.wantNothing(who);
      return false;
    }
    const lightBytes = Math.max(this.#lightShareBytes, this.#light.usedBytes);
    const neededBytes = Math.min(bytes, this.#heavyLimitBytes);
    if (this.#recordBytes + usedBytes + neededBytes + lightBytes <= this.limitBytes) return true;
    const sinceMs = this.#heavy.want(who, neededBytes + lightBytes - this.#light.usedBytes, nowMs);
    // Records may stay for long: those of tasks that run, and of parked ones that wait for their turn.
    return usedBytes === 0 && nowMs - sinceMs >= PATIENCE_MS;
  }

  #forgetWanted(nowMs: number): void {
    this.#heavy.forget(nowMs);
    this.#light.forget(nowMs);
  }
}
