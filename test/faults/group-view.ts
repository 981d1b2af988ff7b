import type { CommitClaim, LogEvent } from '../checker/events.ts';

export interface MemberView {
  /** Assigned and not given up. */
  readonly held: Set<number>;
  /** Of these, the ones whose tasks may start. */
  readonly taken: Set<number>;
  /** Asked back and not given up yet. */
  readonly asked: Set<number>;
  /** Held, and not worked on. */
  readonly halted: Set<number>;
  stopped: boolean;
}

/** What the logs say so far: who holds what, and how far the work has come. */
export class GroupView {
  readonly members = new Map<string, MemberView>();
  readonly acked = new Set<string>();
  readonly finished = new Set<string>();
  readonly errors: string[] = [];
  /** By key: why it was parked. */
  readonly parked = new Map<string, string>();
  /** Processes whose workers say that an outage goes on. */
  readonly inOutage = new Set<string>();
  /** Keys that operators hold, where a worker obeys it. */
  readonly heldKeys = new Set<string>();
  /** By partition: below this, an acknowledged commit says, all is finished but for the keys it lists. */
  readonly doneBelow = new Map<number, number>();
  readonly #sent = new Map<string, readonly CommitClaim[]>();
  /** Handlers under way, by process. */
  readonly running = new Map<string, number>();
  /** When each of them began, by process and task. */
  readonly #begun = new Map<string, Map<string, number>>();
  /** When each process began its latest handler. */
  readonly latestStart = new Map<string, number>();
  /** By partition: when it was taken last, as far as the logs were read. */
  readonly #takenAt = new Map<number, number>();
  /** By producer. */
  readonly #calls = new Map<string, { made: number; answered: number }>();
  readonly #killed = new Set<string>();
  parkedCount = 0;
  callCount = 0;
  startCount = 0;

  add(events: readonly LogEvent[]): void {
    for (const event of events) this.#add(event);
  }

  member(life: string): MemberView {
    let member = this.members.get(life);
    if (member === undefined) {
      member = { held: new Set(), taken: new Set(), asked: new Set(), halted: new Set(), stopped: false };
      this.members.set(life, member);
    }
    return member;
  }

  /** Nothing is on its way, and these members have taken all partitions between them, each about as many. */
  isCalm(lives: readonly string[], partitions: number): boolean {
    const taken = new Set<number>();
    for (const life of lives) {
      const { held, taken: own, asked } = this.member(life);
      if (held.size !== own.size || asked.size > 0) return false;
      if (own.size < Math.floor(partitions / lives.length)) return false;
      for (const partition of own) taken.add(partition);
    }
    return taken.size === partitions;
  }

  /** What this process's handlers that have not ended work on. */
  runningTasks(life: string): readonly string[] {
    return [...(this.#begun.get(life)?.keys() ?? [])];
  }

  /** How long this process's handlers that have not ended have run. */
  runningMs(life: string, now: number): readonly number[] {
    return [...(this.#begun.get(life)?.values() ?? [])].map((at) => now - at);
  }

  /** What it has enqueued, answered or not. */
  callsOf(life: string): number {
    return this.#calls.get(life)?.made ?? 0;
  }

  /** Every enqueue is answered, but for those of killed producers, and every acknowledged task has been finished. */
  get isDrained(): boolean {
    for (const [life, { made, answered }] of this.#calls) {
      if (answered < made && !this.#killed.has(life)) return false;
    }
    for (const id of this.acked) if (!this.finished.has(id)) return false;
    return true;
  }

  #callsBy(life: string): { made: number; answered: number } {
    let calls = this.#calls.get(life);
    if (calls === undefined) {
      calls = { made: 0, answered: 0 };
      this.#calls.set(life, calls);
    }
    return calls;
  }

  #begunBy(life: string): Map<string, number> {
    let begun = this.#begun.get(life);
    if (begun === undefined) {
      begun = new Map();
      this.#begun.set(life, begun);
    }
    return begun;
  }

  #add(event: LogEvent): void {
    switch (event.event) {
      case 'enqueue-called':
        this.callCount += 1;
        this.#callsBy(event.process).made += 1;
        break;
      case 'enqueue-failed':
        this.#callsBy(event.process).answered += 1;
        break;
      case 'enqueue-acked':
        this.#callsBy(event.process).answered += 1;
        this.acked.add(event.id);
        break;
      case 'killed':
        this.#killed.add(event.target);
        break;
      case 'task-started':
        this.startCount += 1;
        this.latestStart.set(event.process, event.at);
        this.#ran(event.process, 1);
        this.#begunBy(event.process).set(event.id, event.at);
        break;
      case 'task-finished':
        this.finished.add(event.id);
        this.#ran(event.process, -1);
        this.#begunBy(event.process).delete(event.id);
        break;
      case 'task-failed':
      case 'task-aborted':
        this.#ran(event.process, -1);
        this.#begunBy(event.process).delete(event.id);
        break;
      case 'parked':
        this.parkedCount += 1;
        this.parked.set(event.key, event.reason);
        break;
      case 'outage':
        if (event.began) this.inOutage.add(event.process);
        else this.inOutage.delete(event.process);
        break;
      case 'key-held':
        this.heldKeys.add(event.key);
        break;
      case 'commit-sent':
        this.#sent.set(event.process, event.claims);
        break;
      case 'commit-acked':
        this.#commit(event.process, event.partition);
        break;
      case 'process-error':
        this.errors.push(`${event.process}: ${event.text}`);
        break;
      default:
        this.#move(event);
    }
  }

  #ran(process: string, change: number): void {
    this.running.set(process, (this.running.get(process) ?? 0) + change);
  }

  /** A worker has one commit under way at a time. */
  #commit(process: string, partition: number): void {
    const claim = this.#sent.get(process)?.find((c) => c.partition === partition);
    if (claim !== undefined) this.doneBelow.set(partition, claim.doneBelow);
  }

  /** Who had it before has it no longer, also one who was replaced and has not said so. */
  #take(member: MemberView, { partition, at }: { readonly partition: number; readonly at: number }): void {
    if (at < (this.#takenAt.get(partition) ?? 0)) return; // logs are read one after the other
    this.#takenAt.set(partition, at);
    for (const other of this.members.values()) if (other !== member) forget(other, partition);
    member.held.add(partition);
    member.taken.add(partition);
  }

  #move(event: LogEvent): void {
    const member = this.member(event.process);
    if (event.event === 'assigned') for (const p of event.partitions) member.held.add(p);
    if (event.event === 'taken') this.#take(member, event);
    if (event.event === 'revoke-asked') for (const p of event.partitions) member.asked.add(p);
    if (event.event === 'halted') member.halted.add(event.partition);
    if (event.event === 'stopped') member.stopped = true;
    if (event.event !== 'given-up') return;
    for (const partition of event.partitions) forget(member, partition);
  }
}

function forget({ held, taken, asked }: MemberView, partition: number): void {
  for (const set of [held, taken, asked]) set.delete(partition);
}
