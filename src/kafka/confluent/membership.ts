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
import { Commits } from './commits.ts';
import { readCommitted } from './committed-offsets.ts';
import { bounded, type LiveClient } from './connection.ts';
import { errorCode, failureOfError } from './failure.ts';
import type { MemberCallbacks, NativeConsumer, NativeError } from './native.ts';
import { nativePartitions, PartitionTable } from './partition-table.ts';

type LiveConsumer = LiveClient<NativeConsumer>;

/** Connects a new consumer with these callbacks; rejects with a KafkaRequestError when it cannot. */
export type MemberFactory = (callbacks: MemberCallbacks) => Promise<LiveConsumer>;

/**
 * new -> joining -> member -> leaving -> closing -> closed. `closing` = the client is being disconnected: it answers
 * every revoke by itself, since an unanswered one would block the disconnect for ever. Any state may jump to `closing`.
 */
type State = 'new' | 'joining' | 'member' | 'leaving' | 'closing' | 'closed';

/** Polled at least this often: commit acknowledgements and rebalances arrive only within a consume call. */
const POLL_MS = 100;
const DISCONNECT_MS = 10_000;
const COMMITTED_MS = 10_000;
/** How long after unsubscribing the final revoke may take to arrive; then disconnecting brings it about. */
const FINAL_REVOKE_MS = 10_000;
/** How long after an answer the rebalance may take to end; it takes some milliseconds. */
const SETTLE_MS = 2_000;
/** The partitions are paused, so this position is never fetched. Explicit, so that the client does not look one up. */
const ANY_OFFSET = 0;
const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The group member was closed' };

/** A group member through librdkafka that owns partitions, commits, and fetches nothing. */
export class ConfluentMembership implements Membership {
  readonly #options: MembershipOptions;
  readonly #connect: MemberFactory;
  readonly #commits: Commits;
  readonly #owned = new PartitionTable<true>();
  #state: State = 'new';
  #consumer: LiveConsumer | undefined;
  #listener: (event: MembershipEvent) => void = () => {};
  /** Unanswered revokes; more than one only if the client tells of the next before the last was answered. */
  readonly #openRevokes = new Set<readonly TopicPartition[]>();
  /** A revoke was answered and the assignment that ends the rebalance, often an empty one, has not come. */
  #rebalancing = false;
  /** Native calls under way. The client is not disconnected before they returned: they use it without a lock. */
  readonly #underWay = new Set<Promise<unknown>>();
  #polling = false;
  #pollAgain = false;
  #pollTimer: NodeJS.Timeout | undefined;
  #changes = 0;
  #onChange: (() => void) | undefined;
  #joining: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: MembershipOptions, connect: MemberFactory) {
    this.#options = options;
    this.#connect = connect;
    this.#commits = new Commits((offsets) => this.#client().commit(offsets));
  }

  join(listener: (event: MembershipEvent) => void): Promise<void> {
    if (this.#state !== 'new') {
      return Promise.reject(new KafkaRequestError('Could not join the group', CLOSED));
    }
    this.#state = 'joining';
    this.#listener = listener;
    this.#joining = this.#join();
    return this.#joining;
  }

  async #join(): Promise<void> {
    const consumer = await this.#connect({
      queue_non_empty_cb: () => this.#poll(),
      rebalance_cb: (error, partitions) => this.#onRebalance(error, partitions),
      offset_commit_cb: (error, offsets) => this.#commits.onAcknowledged(error, offsets ?? []),
    });
    this.#consumer = consumer;
    consumer.client.setDefaultConsumeTimeout(0);
    consumer.events.onFailure((failure) => this.#problem(failure));
    if (this.#options.protocol === 'consumer') consumer.events.onUnanswered(() => this.#unheard());
    if (this.#state !== 'joining') return;
    try {
      consumer.client.subscribe(this.#options.topics);
    } catch (error) {
      throw new KafkaRequestError('Could not subscribe', failureOfError(error), error);
    }
    this.#state = 'member';
    this.#poll();
  }

  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    return this.#commits.commit(offsets);
  }

  async committed(partitions: readonly TopicPartition[]): Promise<readonly CommittedOffset[]> {
    const what = `Could not read the committed offsets of group ${this.#options.group}`;
    try {
      return await this.#track(readCommitted(this.#client(), partitions, COMMITTED_MS));
    } catch (error) {
      throw new KafkaRequestError(what, failureOfError(error), error);
    }
  }

  #track<T>(call: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = call.then(
      () => this.#underWay.delete(settled),
      () => this.#underWay.delete(settled),
    );
    this.#underWay.add(settled);
    return call;
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    await this.#joining?.catch(() => {});
    if (this.#state === 'member') {
      this.#state = 'leaving';
      try {
        // A KIP-848 client that unsubscribes during a rebalance gets a second revoke, and its disconnect then hangs.
        await this.#untilSettled();
        this.#client().unsubscribe();
        this.#poll();
        await this.#untilNothingIsOwned();
      } catch (error) {
        this.#problem(failureOfError(error));
      }
    }
    await this.#end();
  }

  async #untilSettled(): Promise<void> {
    while (this.#state === 'leaving' && (this.#openRevokes.size > 0 || this.#rebalancing)) {
      const changes = this.#changes;
      await this.#change(this.#openRevokes.size > 0 ? this.#options.maxPollIntervalMs : SETTLE_MS);
      if (this.#changes === changes) return;
    }
  }

  /** Bounded twice, each time: for a revoke to arrive, and for the owner to answer it. */
  async #untilNothingIsOwned(): Promise<void> {
    while (this.#state === 'leaving' && this.#owned.size > 0) {
      const changes = this.#changes;
      await this.#change(this.#openRevokes.size === 0 ? FINAL_REVOKE_MS : this.#options.maxPollIntervalMs);
      if (this.#changes === changes) return;
    }
  }

  /** The next revoke, answer or loss. */
  #change(timeoutMs: number): Promise<void> {
    return bounded(timeoutMs, (done) => {
      this.#onChange = done;
    });
  }

  #changed(): void {
    this.#changes += 1;
    this.#onChange?.();
  }

  abandon(): Promise<void> {
    return this.#end();
  }

  #end(): Promise<void> {
    this.#ending ??= this.#disconnect();
    return this.#ending;
  }

  async #disconnect(): Promise<void> {
    this.#state = 'closing';
    clearTimeout(this.#pollTimer);
    this.#changed();
    await this.#joining?.catch(() => {});
    for (const partitions of this.#openRevokes) this.#answer(partitions);
    this.#commits.close();
    await Promise.all(this.#underWay);
    await this.#consumer?.disconnect(DISCONNECT_MS);
    this.#owned.clear();
    this.#state = 'closed';
  }

  #client(): NativeConsumer {
    if (this.#consumer === undefined || this.#state === 'closing' || this.#state === 'closed') {
      throw new KafkaRequestError(`The member of group ${this.#options.group} is not connected`, CLOSED);
    }
    return this.#consumer.client;
  }

  /** One consume call at a time, with an empty result: what it is for are the callbacks that run meanwhile. */
  #poll(): void {
    if (this.#state !== 'member' && this.#state !== 'leaving') return;
    if (this.#polling) {
      this.#pollAgain = true;
      return;
    }
    this.#polling = true;
    this.#pollAgain = false;
    clearTimeout(this.#pollTimer);
    const client = this.#client();
    const call = new Promise<void>((resolve) => {
      client.consume(1, (error, messages) => {
        this.#polling = false;
        resolve();
        if (error !== null && error !== undefined) this.#problem(failureOfError(error));
        const leaked = messages?.[0];
        // Fetched in the moment between being assigned and paused. Nobody reads here.
        if (leaked !== undefined && this.#owned.has(leaked)) client.pause(nativePartitions([leaked]));
        const more = this.#pollAgain || leaked !== undefined || (error !== null && error !== undefined);
        this.#pollTimer = setTimeout(() => this.#poll(), more ? 0 : POLL_MS);
      });
    });
    void this.#track(call);
  }

  #onRebalance(error: NativeError | undefined, given: readonly TopicPartition[]): void {
    const partitions = nativePartitions(given);
    try {
      if (error?.code === errorCode.assignPartitions) this.#onAssigned(partitions);
      else if (error?.code === errorCode.revokePartitions) this.#onRevoked(partitions);
      else {
        this.#problem(failureOfError(error));
        this.#loseAll();
      }
    } catch (thrown) {
      this.#problem(failureOfError(thrown));
    }
  }

  #onAssigned(partitions: readonly TopicPartition[]): void {
    const client = this.#consumer?.client;
    if (client === undefined) return;
    client.incrementalAssign(partitions.map((one) => ({ ...one, offset: ANY_OFFSET })));
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#rebalancing = false;
    this.#changed();
    if (partitions.length === 0) return;
    client.pause(partitions);
    for (const one of partitions) this.#owned.set(one, true);
    this.#listener({ kind: 'assigned', partitions });
  }

  #onRevoked(partitions: readonly TopicPartition[]): void {
    const client = this.#consumer?.client;
    if (client === undefined) return;
    if (this.#state === 'closing' || this.#state === 'closed' || partitions.length === 0) {
      client.incrementalUnassign(partitions);
      return;
    }
    // Only now, while the client is surely connected: otherwise the call crashes the process.
    if (client.assignmentLost()) {
      this.#giveUp(partitions);
      this.#listener({ kind: 'lost', partitions });
      return;
    }
    this.#openRevokes.add(partitions);
    this.#changed();
    this.#listener({ kind: 'revoked', partitions, answer: () => this.#answer(partitions) });
  }

  /** A rebalance has failed in a way that the client does not explain: what was owned is not any more. */
  #loseAll(): void {
    const partitions = this.#owned.keys();
    this.#owned.clear();
    this.#openRevokes.clear();
    this.#consumer?.client.unassign();
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#changed();
    if (partitions.length > 0) this.#listener({ kind: 'lost', partitions });
  }

  /** Once; not when the client is being disconnected, which answers by itself. */
  #answer(partitions: readonly TopicPartition[]): void {
    if (!this.#openRevokes.delete(partitions)) return;
    try {
      this.#giveUp(partitions);
    } catch (error) {
      // Lost in the meantime.
      this.#problem(failureOfError(error));
    }
  }

  #giveUp(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) this.#owned.delete(one);
    this.#rebalancing = true;
    this.#consumer?.client.incrementalUnassign(partitions);
    this.#changed();
  }

  /**
   * A KIP-848 coordinator tells a member what to own once, with the answer to a heartbeat, and again only to one that asks
   * for everything. After an answer that took longer than the heartbeat interval the client does not ask.
   */
  #unheard(): void {
    if (this.#state === 'member') this.#listener({ kind: 'unheard' });
  }

  #problem(failure: KafkaFailure): void {
    if (this.#state === 'closing' || this.#state === 'closed' || failure.kind === 'closed') return;
    const explained = this.#consumer?.events.explain(failure) ?? failure;
    // A consumer's fatal error means: another member took its static id, or the broker does not speak the protocol.
    const fatal = failure.kind === 'producer-fatal';
    this.#listener({
      kind: 'problem',
      failure: fatal ? { ...explained, kind: 'fenced' } : explained,
      fatal,
    });
  }
}
