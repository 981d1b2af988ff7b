import type {
  CommitOutcome,
  CommittedOffset,
  KafkaFailure,
  Membership,
  MembershipEvent,
  MembershipOptions,
  OffsetCommit,
  TopicPartition,
} from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import { failures, unknownTopic } from './failures.ts';
import type { Group, Notice, Seat } from './group.ts';
import type { MemoryCluster } from './memory-cluster.ts';
import { nameOf } from './partition-name.ts';

/** new -> joining -> member -> leaving -> gone. `joining` and `member` may go to `gone` at once (abandoned, fatal). */
type State = 'new' | 'joining' | 'member' | 'leaving' | 'gone';

/** What an answer that never comes may have said. */
type LosableNotice = Extract<Notice, { readonly kind: 'assigned' | 'revoked' }>;

interface PendingCommit {
  readonly offsets: readonly OffsetCommit[];
  readonly resolve: (outcomes: readonly CommitOutcome[]) => void;
}

/** A member of a {@link Group} of a {@link MemoryCluster}. */
export class MemoryMembership implements Membership {
  readonly #cluster: MemoryCluster;
  readonly #options: MembershipOptions;
  readonly #group: Group;
  #state: State = 'new';
  #listener: (event: MembershipEvent) => void = () => {};
  #seat: Seat | undefined;
  /** What the coordinator said and the member has not heard yet, because it is frozen or has a revoke to answer. */
  readonly #inbox: Notice[] = [];
  #unanswered = false;
  #frozen = false;
  /** In order; the head is under way. */
  readonly #commits: PendingCommit[] = [];
  #leaving: Promise<void> | undefined;
  #onGone: (() => void) | undefined;

  constructor(cluster: MemoryCluster, options: MembershipOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#group = cluster.group(options.group);
  }

  join(listener: (event: MembershipEvent) => void): Promise<void> {
    const what = `Could not join group ${this.#options.group}`;
    if (this.#state !== 'new') return Promise.reject(new KafkaRequestError(what, failures.closed));
    this.#state = 'joining';
    this.#listener = listener;
    this.#cluster.enlist(this, {
      evict: () => this.#seat && this.#group.expel(this.#seat),
      crash: () => this.#crash(),
      freeze: () => this.#freeze(),
      thaw: () => this.#thaw(),
      expire: () => this.#seat?.sessionTimer !== undefined && this.#group.expel(this.#seat),
      owned: () => [...(this.#seat?.owned.values() ?? [])],
    });
    return new Promise((resolve) => {
      this.#cluster.schedule(() => {
        if (this.#state === 'joining') this.#state = 'member';
        resolve();
        this.#cluster.schedule(() => this.#takeSeat());
      });
    });
  }

  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    return new Promise((resolve) => {
      this.#commits.push({ offsets: [...offsets], resolve });
      if (this.#commits.length === 1) this.#cluster.schedule(() => this.#sendCommit());
    });
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    const asked = [...partitions];
    return new Promise((resolve, reject) => {
      this.#cluster.schedule(() => {
        const failure = this.#whyNotConnected();
        if (failure !== undefined) {
          reject(new KafkaRequestError('Could not read the committed offsets', failure));
          return;
        }
        resolve(
          asked.map(({ topic, partition }) => {
            const stored = this.#group.offsets.get(nameOf({ topic, partition }));
            return { topic, partition, offset: stored?.offset, metadata: stored?.metadata ?? '' };
          }),
        );
      });
    });
  }

  leave(): Promise<void> {
    this.#leaving ??= new Promise((resolve) => {
      this.#cluster.schedule(() => this.#leave(resolve));
    });
    return this.#leaving;
  }

  async abandon(): Promise<void> {
    if (this.#state === 'gone') return;
    this.#go();
    if (this.#seat === undefined) return;
    // A client that disconnects tells the coordinator, unless it is a static member, which is expected back.
    if (this.#options.staticMemberId === undefined) this.#group.expel(this.#seat);
    else this.#group.loseContact(this.#seat);
  }

  #crash(): void {
    this.#go();
    if (this.#seat !== undefined) this.#group.loseContact(this.#seat);
  }

  #leave(resolve: () => void): void {
    if (this.#state === 'gone' || this.#state === 'new' || this.#seat === undefined) {
      this.#go();
      resolve();
      return;
    }
    this.#state = 'leaving';
    this.#onGone = resolve;
    this.#group.leave(this.#seat);
  }

  /** Disconnected: nothing is heard any more, what is open is settled. */
  #go(): void {
    this.#state = 'gone';
    this.#inbox.length = 0;
    for (const { offsets, resolve } of this.#commits.splice(0))
      resolve(outcomesOf(offsets, () => failures.closed));
    this.#onGone?.();
    this.#onGone = undefined;
  }

  #whyNotConnected(): KafkaFailure | undefined {
    if (this.#state === 'new' || this.#state === 'joining') return failures.notJoined;
    return this.#state === 'gone' ? failures.closed : undefined;
  }

  #takeSeat(): void {
    if (this.#state !== 'member') return;
    const { protocol, topics } = this.#options;
    if (protocol === 'consumer' && !this.#cluster.consumerProtocol) {
      this.#listener({ kind: 'problem', failure: failures.noConsumerProtocol, fatal: true });
      return;
    }
    for (const topic of topics) {
      if (this.#cluster.topics.has(topic)) continue;
      this.#listener({ kind: 'problem', failure: unknownTopic({ topic }), fatal: false });
    }
    const seat = this.#group.join(this.#options, (notice) => {
      if (this.#isLost(notice)) {
        // The seat is not known yet to whom is given partitions as it sits down.
        this.#cluster.schedule(() => this.#missed(seat, notice));
        return;
      }
      this.#inbox.push(notice);
      this.#cluster.schedule(() => this.#hear());
    });
    this.#seat = seat;
  }

  #isLost(notice: Notice): notice is LosableNotice {
    if (this.#options.protocol !== 'consumer') return false;
    if (notice.kind !== 'assigned' && notice.kind !== 'revoked') return false;
    return this.#cluster.faults.takeAssignment(notice.kind, notice.partitions);
  }

  #missed(seat: Seat, notice: LosableNotice): void {
    this.#group.unheard(seat, notice);
    if (this.#state === 'member') this.#listener({ kind: 'unheard' });
  }

  /** Takes in the next notice. A member with an unanswered revoke hears nothing, as with a real client. */
  #hear(): void {
    if (this.#frozen || this.#unanswered || this.#state === 'gone') return;
    const notice = this.#inbox.shift();
    switch (notice?.kind) {
      case 'assigned':
        this.#listener(notice);
        return;
      case 'revoked':
        this.#hearRevoke(notice.partitions);
        return;
      case 'expelled':
        this.#hearExpulsion(notice.partitions, notice.failure);
        return;
      case 'left':
        this.#go();
    }
  }

  #hearRevoke(partitions: readonly TopicPartition[]): void {
    const seat = this.#seat;
    this.#unanswered = true;
    // KIP-848 fences a member that takes too long, and says so only after the answer. Classic groups were not seen to.
    const limit =
      seat !== undefined && this.#options.protocol === 'consumer'
        ? this.#cluster.clock.setTimer(this.#options.maxPollIntervalMs, () => this.#group.expel(seat), {
            background: true,
          })
        : undefined;
    let answered = false;
    const answer = () => {
      if (answered) return;
      answered = true;
      limit?.clear();
      this.#cluster.schedule(() => {
        this.#unanswered = false;
        if (this.#state === 'gone') return;
        if (seat !== undefined) this.#group.answer(seat);
        // The members of a classic group join again before the next assignment: another round trip.
        this.#cluster.schedule(() => this.#group.reconcile());
        for (const _notice of this.#inbox) this.#cluster.schedule(() => this.#hear());
      });
    };
    this.#listener({ kind: 'revoked', partitions, answer });
  }

  #hearExpulsion(partitions: readonly TopicPartition[], failure: KafkaFailure): void {
    this.#seat = undefined;
    const replaced = failure.code === failures.fencedInstance.code;
    if (partitions.length > 0) this.#listener({ kind: 'lost', partitions });
    if (replaced) this.#listener({ kind: 'problem', failure, fatal: true });
    if (this.#state === 'leaving') this.#go();
    else if (!replaced) this.#cluster.schedule(() => this.#takeSeat());
  }

  #sendCommit(): void {
    const pending = this.#commits[0];
    if (pending === undefined) return;
    const failure = this.#whyNotConnected();
    if (failure !== undefined) {
      this.#answerCommit(
        pending,
        outcomesOf(pending.offsets, () => failure),
      );
      return;
    }
    if (this.#frozen) return;
    const fault = this.#cluster.faults.takeCommit(pending.offsets);
    switch (fault?.kind) {
      case undefined:
        this.#answerCommit(pending, this.#store(pending.offsets));
        return;
      case 'refuse':
        this.#answerCommit(
          pending,
          outcomesOf(pending.offsets, () => fault.failure),
        );
        return;
      case 'lose-ack':
        this.#store(pending.offsets);
        this.#answerCommit(
          pending,
          outcomesOf(pending.offsets, () => fault.failure),
        );
        return;
      case 'hold':
        fault.hold.wait(() =>
          this.#cluster.schedule(() => this.#commits[0] === pending && this.#sendCommit()),
        );
        return;
      case 'hold-ack': {
        const outcomes = this.#store(pending.offsets);
        fault.hold.wait(() => this.#answerCommit(pending, outcomes));
      }
    }
  }

  #store(offsets: readonly OffsetCommit[]): readonly CommitOutcome[] {
    const seat = this.#seat;
    return outcomesOf(offsets, (offset) => (seat ? this.#group.commit(seat, offset) : failures.fenced));
  }

  #answerCommit(pending: PendingCommit, outcomes: readonly CommitOutcome[]): void {
    this.#cluster.schedule(() => {
      if (this.#commits[0] !== pending) return;
      this.#commits.shift();
      pending.resolve(outcomes);
      if (this.#commits.length > 0) this.#sendCommit();
    });
  }

  #freeze(): void {
    this.#frozen = true;
    if (this.#seat !== undefined) this.#group.loseContact(this.#seat);
  }

  #thaw(): void {
    if (!this.#frozen) return;
    this.#frozen = false;
    if (this.#seat !== undefined) this.#group.regainContact(this.#seat);
    for (const _notice of this.#inbox) this.#cluster.schedule(() => this.#hear());
    if (this.#commits.length > 0) this.#cluster.schedule(() => this.#sendCommit());
  }
}

function outcomesOf(
  offsets: readonly OffsetCommit[],
  failureOf: (offset: OffsetCommit) => KafkaFailure | undefined,
): readonly CommitOutcome[] {
  return offsets.map((offset) => ({
    topic: offset.topic,
    partition: offset.partition,
    failure: failureOf(offset),
  }));
}
