import type { Admin } from '../admin.ts';
import type { KafkaFailure, TopicPartition } from '../port.ts';
import { failures } from './failures.ts';

/** Where a fault strikes. What is left out matches everything. */
export interface FaultPlace {
  readonly topic?: string;
  readonly partition?: number;
}

/** Something held up by a test. */
export class Hold {
  /** Resolves when the request is there and waits. */
  readonly reached: Promise<void>;
  #markReached: () => void = () => {};
  #released = false;
  #goOn: (() => void) | undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#markReached = resolve;
    });
  }

  /** Lets it go on. May be called before it is reached; again does nothing. */
  release(): void {
    this.#released = true;
    this.#goOn?.();
    this.#goOn = undefined;
  }

  /** Called by the cluster: `goOn` is called once, now or when released. */
  wait(goOn: () => void): void {
    this.#markReached();
    if (this.#released) goOn();
    else this.#goOn = goOn;
  }
}

/** What happens to one request on its way. */
export type Fault =
  /** Not carried out; the answer says so. */
  | { readonly kind: 'refuse'; readonly failure: KafkaFailure }
  /** Carried out; the answer gets lost. */
  | { readonly kind: 'lose-ack'; readonly failure: KafkaFailure }
  /** Not carried out before it is released, then met by the next fault, if any. */
  | { readonly kind: 'hold'; readonly hold: Hold }
  /** Carried out; answered when released. */
  | { readonly kind: 'hold-ack'; readonly hold: Hold };

export type AppendFault =
  | Fault
  /** Answered with a transient error once and sent again by the client. Into a cold partition this may lose a record. */
  | { readonly kind: 'stumble' }
  /** The producer dies of it; the batch is in the log or not. */
  | { readonly kind: 'producer-fatal'; readonly appended: boolean };

interface Armed<F> {
  readonly fault: F;
  readonly place: FaultPlace;
}

export type AdminCall = Exclude<keyof Admin, 'close'>;

/** Faults that tests arm. But for a lost leader each strikes once, the earliest armed that fits first. */
export class Faults {
  readonly #append: Armed<AppendFault>[] = [];
  readonly #commit: Armed<Fault>[] = [];
  readonly #assignment: { readonly kind: 'assigned' | 'revoked'; readonly place: FaultPlace }[] = [];
  readonly #deletion: { readonly failure: KafkaFailure; readonly place: FaultPlace }[] = [];
  readonly #leaderless: FaultPlace[] = [];
  readonly #admin: { readonly call: AdminCall; readonly failure: KafkaFailure }[] = [];

  /** The next batch is not appended: `absent`. */
  refuseAppend(place: FaultPlace = {}, failure: KafkaFailure = failures.notEnoughReplicas): void {
    this.#append.push({ fault: { kind: 'refuse', failure }, place });
  }

  /** The next batch is appended, but the client never learns: `unknown`. */
  loseAppendAck(place: FaultPlace = {}, failure: KafkaFailure = failures.unreachable): void {
    this.#append.push({ fault: { kind: 'lose-ack', failure }, place });
  }

  /** The next batch waits on its way, and those of its partition behind it. */
  holdAppend(place: FaultPlace = {}): Hold {
    const hold = new Hold();
    this.#append.push({ fault: { kind: 'hold', hold }, place });
    return hold;
  }

  /** The next batch is appended; its ack, and those of its partition behind it, wait. */
  holdAppendAck(place: FaultPlace = {}): Hold {
    const hold = new Hold();
    this.#append.push({ fault: { kind: 'hold-ack', hold }, place });
    return hold;
  }

  /** The next batch meets a transient error, which the client retries by itself. */
  stumbleAppend(place: FaultPlace = {}): void {
    this.#append.push({ fault: { kind: 'stumble' }, place });
  }

  /** The next batch is the producer's end: everything under way is `unknown`, and the incarnation changes. */
  failProducer({ appended, ...place }: FaultPlace & { readonly appended: boolean }): void {
    this.#append.push({ fault: { kind: 'producer-fatal', appended }, place });
  }

  /** The next time that a KIP-848 member is given partitions there, or asked for some, it hears nothing of it. */
  loseAssignment(kind: 'assigned' | 'revoked', place: FaultPlace = {}): void {
    this.#assignment.push({ kind, place });
  }

  /** The next commit that names the place is not stored. */
  refuseCommit(place: FaultPlace = {}, failure: KafkaFailure = failures.rebalancing): void {
    this.#commit.push({ fault: { kind: 'refuse', failure }, place });
  }

  /** The next commit is stored, but the client never learns. */
  loseCommitAck(place: FaultPlace = {}, failure: KafkaFailure = failures.unreachable): void {
    this.#commit.push({ fault: { kind: 'lose-ack', failure }, place });
  }

  /** The next commit waits on its way, and those of its member behind it. */
  holdCommit(place: FaultPlace = {}): Hold {
    const hold = new Hold();
    this.#commit.push({ fault: { kind: 'hold', hold }, place });
    return hold;
  }

  /** The next commit is stored; its ack waits. */
  holdCommitAck(place: FaultPlace = {}): Hold {
    const hold = new Hold();
    this.#commit.push({ fault: { kind: 'hold-ack', hold }, place });
    return hold;
  }

  /** The next such call of an admin is refused. */
  failAdmin(call: AdminCall, failure: KafkaFailure): void {
    this.#admin.push({ call, failure });
  }

  /** The next deletion of records there is not carried out: one partition's outcome, where {@link failAdmin} fails a whole call. */
  refuseDeletion(place: FaultPlace, failure: KafkaFailure): void {
    this.#deletion.push({ failure, place });
  }

  /** Of the partitions there admins are told nothing, until what it returns is called. */
  loseLeader(place: FaultPlace): () => void {
    const lost = { ...place };
    this.#leaderless.push(lost);
    return () => {
      this.#leaderless.splice(this.#leaderless.indexOf(lost), 1);
    };
  }

  isLeaderless(at: TopicPartition): boolean {
    return this.#leaderless.some((place) => fits(place, at));
  }

  takeAppend(at: TopicPartition): AppendFault | undefined {
    return take(this.#append, ({ place }) => fits(place, at))?.fault;
  }

  takeCommit(at: readonly TopicPartition[]): Fault | undefined {
    return take(this.#commit, ({ place }) => at.some((partition) => fits(place, partition)))?.fault;
  }

  takeAssignment(kind: 'assigned' | 'revoked', at: readonly TopicPartition[]): boolean {
    const fault = take(
      this.#assignment,
      (armed) => armed.kind === kind && at.some((partition) => fits(armed.place, partition)),
    );
    return fault !== undefined;
  }

  takeDeletion(at: TopicPartition): KafkaFailure | undefined {
    return take(this.#deletion, ({ place }) => fits(place, at))?.failure;
  }

  takeAdmin(call: AdminCall): KafkaFailure | undefined {
    return take(this.#admin, (armed) => armed.call === call)?.failure;
  }
}

function fits(place: FaultPlace, at: TopicPartition): boolean {
  return (
    (place.topic === undefined || place.topic === at.topic) &&
    (place.partition === undefined || place.partition === at.partition)
  );
}

function take<T>(armed: T[], matches: (candidate: T) => boolean): T | undefined {
  const index = armed.findIndex(matches);
  return index === -1 ? undefined : armed.splice(index, 1)[0];
}
