import type { Clock, Timer } from '../clock/clock.ts';
import type { GroupMember } from '../kafka/admin.ts';
import type {
  CommitOutcome,
  CommittedOffset,
  KafkaFailure,
  Membership,
  MembershipEvent,
  OffsetCommit,
  TopicPartition,
} from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { judgeShare, type Share } from './core/judge-share.ts';

export interface RejoiningDeps {
  /** What the member works on, and nothing else. */
  readonly topic: string;
  /** A member that has not joined. */
  readonly open: () => Membership;
  /** What the coordinator believes of the group's members. */
  readonly members: () => Promise<readonly GroupMember[]>;
  readonly clock: Clock;
  readonly onRejoining: (why: Differs) => void;
}

type Differs = Extract<Share, { readonly kind: 'differs' }>;

/** Between two looks at what the coordinator believes. */
const LOOK_MS = 5_000;
/**
 * A difference is one only when it lasts for longer than a member may have to wait for its next heartbeat. Kafka:
 * group.consumer.max.heartbeat.interval.ms is 15 s.
 */
const PATIENCE_MS = 20_000;
/** After an answer was not heard: the coordinator may be slow, and do only then what it was asked. */
const SUSPICIOUS_MS = 60_000;
const FIRST_BACKOFF_MS = 500;
const LONGEST_BACKOFF_MS = 10_000;

/**
 * A KIP-848 member that notices when it did not hear what it is to own. A coordinator says that once, with the answer to a
 * heartbeat; librdkafka drops an answer that takes longer than the heartbeat interval, and does not always ask for all of
 * it again, as members should. Partitions given so may be worked on by nobody for long, and those asked for so are not handed on before
 * max.poll.interval.ms is over. So after an answer that was not heard it asks what the coordinator believes; when that stays
 * another thing than what was said here, this member leaves in good order and joins again as a new one.
 */
export class RejoiningMembership implements Membership {
  readonly #deps: RejoiningDeps;
  #inner: Membership;
  #listener: (event: MembershipEvent) => void = () => {};
  /** Given and not given up, by name. */
  readonly #held = new Map<string, TopicPartition>();
  /** Goes up with whatever the group says: what was asked about before is not compared with what is held after. */
  #changes = 0;
  readonly #openRevokes = new Set<readonly TopicPartition[]>();
  #ending = false;
  #suspiciousUntilMs = Number.NEGATIVE_INFINITY;
  #difference: { readonly text: string; sinceMs: number } | undefined;
  #looks: Timer | undefined;
  #rejoining: Promise<void> | undefined;
  #wake: () => void = () => {};

  constructor(deps: RejoiningDeps) {
    this.#deps = deps;
    this.#inner = deps.open();
  }

  join(listener: (event: MembershipEvent) => void): Promise<void> {
    this.#listener = listener;
    return this.#joinInner();
  }

  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    return this.#inner.commit(offsets);
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    return this.#inner.committed(partitions);
  }

  async leave(): Promise<void> {
    this.#end();
    await this.#inner.leave();
    await this.#rejoining;
    await this.#inner.leave();
  }

  async abandon(): Promise<void> {
    this.#end();
    await this.#inner.abandon();
    await this.#rejoining;
    await this.#inner.abandon();
  }

  #end(): void {
    this.#ending = true;
    this.#looks?.clear();
    this.#wake();
  }

  #joinInner(): Promise<void> {
    const inner = this.#inner;
    return inner.join((event) => {
      // A member that was left for good says nothing that matters.
      if (inner === this.#inner) this.#hear(event);
    });
  }

  #hear(event: MembershipEvent): void {
    switch (event.kind) {
      case 'unheard':
        this.#suspect();
        return;
      case 'assigned':
        this.#changes += 1;
        for (const one of event.partitions) this.#held.set(nameOf(one), one);
        break;
      case 'lost':
        this.#drop(event.partitions);
        break;
      case 'revoked':
        this.#revoked(event);
        return;
      case 'problem':
    }
    this.#listener(event);
  }

  #revoked(event: Extract<MembershipEvent, { readonly kind: 'revoked' }>): void {
    const { partitions } = event;
    this.#changes += 1;
    this.#openRevokes.add(partitions);
    const answer = (): void => {
      if (!this.#openRevokes.delete(partitions)) return;
      this.#drop(partitions);
      event.answer();
    };
    this.#listener({ ...event, answer });
  }

  #drop(partitions: readonly TopicPartition[]): void {
    this.#changes += 1;
    for (const one of partitions) this.#held.delete(nameOf(one));
    // Nobody answers a revoke of what is lost.
    for (const asked of this.#openRevokes)
      if (!asked.some((one) => this.#held.has(nameOf(one)))) this.#openRevokes.delete(asked);
  }

  #suspect(): void {
    if (this.#ending || this.#rejoining !== undefined) return;
    const nowMs = this.#deps.clock.monotonicMs();
    this.#suspiciousUntilMs = nowMs + SUSPICIOUS_MS;
    // Joining again is no cure for a coordinator that is slow.
    if (this.#held.size === 0 && this.#difference !== undefined) this.#difference.sinceMs = nowMs;
    this.#looks ??= this.#armLook();
  }

  #armLook(): Timer {
    return this.#deps.clock.setTimer(LOOK_MS, () => void this.#look(), { background: true });
  }

  async #look(): Promise<void> {
    const share = await this.#shareNow();
    this.#looks = undefined;
    if (this.#ending) return;
    const nowMs = this.#deps.clock.monotonicMs();
    if (share.kind !== 'differs') {
      this.#difference = undefined;
      if (share.kind === 'waits' || nowMs < this.#suspiciousUntilMs) this.#looks = this.#armLook();
      return;
    }
    const { difference } = share;
    if (difference !== this.#difference?.text) this.#difference = { text: difference, sinceMs: nowMs };
    if (nowMs - this.#difference.sinceMs < PATIENCE_MS) {
      this.#looks = this.#armLook();
      return;
    }
    this.#rejoining = this.#rejoin(share).finally(() => {
      this.#rejoining = undefined;
    });
  }

  async #shareNow(): Promise<Share> {
    const changes = this.#changes;
    if (this.#openRevokes.size > 0) return { kind: 'agrees' };
    try {
      const members = await this.#deps.members();
      if (changes !== this.#changes) return { kind: 'agrees' };
      return judgeShare({ topic: this.#deps.topic, held: [...this.#held.values()], members });
    } catch (error) {
      this.#problem(error);
      return { kind: 'agrees' };
    }
  }

  /** Never rejects. */
  async #rejoin(why: Differs): Promise<void> {
    this.#difference = undefined;
    this.#suspiciousUntilMs = Number.NEGATIVE_INFINITY;
    this.#deps.onRejoining(why);
    await this.#inner.leave();
    this.#loseTheRest();
    for (let backoffMs = FIRST_BACKOFF_MS; !this.#ending; backoffMs *= 2) {
      this.#inner = this.#deps.open();
      try {
        await this.#joinInner();
        return;
      } catch (error) {
        this.#problem(error);
        await this.#inner.abandon();
        await this.#sleep(Math.min(backoffMs, LONGEST_BACKOFF_MS));
      }
    }
  }

  /** It left without being asked for these, because it could not wait any longer. */
  #loseTheRest(): void {
    const partitions = [...this.#held.values()];
    this.#drop(partitions);
    if (partitions.length > 0) this.#listener({ kind: 'lost', partitions });
  }

  #sleep(ms: number): Promise<void> {
    if (this.#ending) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#deps.clock.setTimer(ms, resolve);
      this.#wake = () => {
        timer.clear();
        resolve();
      };
    });
  }

  #problem(error: unknown): void {
    if (!this.#ending) this.#listener({ kind: 'problem', failure: failureOf(error), fatal: false });
  }
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}

function failureOf(error: unknown): KafkaFailure {
  if (error instanceof KafkaRequestError) return error.failure;
  const message = error instanceof Error ? error.message : String(error);
  return { kind: 'other', code: undefined, message };
}
