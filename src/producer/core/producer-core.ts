import type { AppendResult } from '../../kafka/port.ts';
import { hasBatches, takeBatches } from './batches.ts';
import type { Batch, Effect } from './effects.ts';
import { type Appended, type EncodedRecord, Item, type ProducerItem } from './item.ts';
import { settleBatch } from './outcomes.ts';
import type { PartitionRoom } from './partition-room.ts';
import { type CoreConfig, drop, failFollowers, letPass, ProducerState, refuse } from './producer-state.ts';

interface Caller {
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: unknown) => void;
}

const nothing: readonly Effect[] = [];

/**
 * Decides what a producer does: which task has room, what goes into a batch and when, and what a caller is told. It is
 * fed with events and asked for effects and batches; it does nothing by itself.
 */
export class ProducerCore {
  readonly #state: ProducerState;

  constructor(config: CoreConfig, partitionRoom?: PartitionRoom) {
    this.#state = new ProducerState(config, partitionRoom);
  }

  /** Takes a task's place in its key's order. */
  add(given: ProducerItem, caller: Caller, nowMs: number): Item {
    const state = this.#state;
    state.nowMs = nowMs;
    const lane = state.line(given.topic, given.partition).lane(given.laneKey);
    const deadlineMs = nowMs + (given.timeoutMs ?? state.config.deliveryTimeoutMs);
    const item = new Item(
      given,
      { lane, seq: state.nextSeq, deadlineMs, cohort: state.cohorts.join() },
      caller,
    );
    state.nextSeq += 1;
    state.itemCount += 1;
    lane.append(item);
    state.deadlines.add(item);
    if (state.closed && !item.part) this.#giveUp(item, { kind: 'closed', stage: 'waiting' });
    else if (state.room.enter(item)) state.effects.push({ kind: 'encode', item });
    return item;
  }

  /** A task's asynchronous validation went well. */
  validated(item: Item): void {
    item.validated = true;
    if (item.stage === 'waiting') this.#state.room.reconsider(item.lane);
  }

  /**
   * Encoding is asynchronous: until its size is known the task counts as a whole batch, or as what it holds if that is more.
   * A body that is uploaded is not in here, see the room.
   */
  encodesLater(item: Item): void {
    if (item.stage !== 'encoding') return;
    const batchBytes = item.upload ? 0 : this.#state.config.maxBatchBytes;
    this.#state.room.resize(item, Math.max(item.bytes, item.heldBytes, batchBytes));
  }

  encoded(item: Item, made: EncodedRecord): void {
    if (item.stage !== 'encoding') return; // it was given up meanwhile
    item.move('ready');
    item.record = made.record;
    item.voidAfterMs = made.voidAfterMs;
    item.encode = undefined;
    this.#state.room.uploaded(item);
    this.#state.room.resize(item, made.bytes);
    letPass(this.#state, item.lane);
  }

  /** Its own validation or encoding failed: nothing of other tasks changes. */
  encodeFailed(item: Item, error: unknown): void {
    this.#giveUp(item, { kind: 'own', error });
  }

  /** The caller gave up. A task that was handed over keeps its place. */
  abort(item: Item, reason: unknown): void {
    this.#giveUp(item, { kind: 'aborted', stage: item.stage, reason });
  }

  /** Time went on: deadlines end the callers' waits, pauses end. */
  tick(nowMs: number): void {
    const state = this.#state;
    state.nowMs = nowMs;
    for (let item = state.deadlines.earliest; item !== undefined; item = state.deadlines.earliest) {
      if (item.deadlineMs > nowMs) break;
      refuse(state, item, { kind: 'timeout', stage: item.validated ? item.stage : 'encoding' });
      failFollowers(state, item);
      if (item.stage !== 'handed') drop(state, item);
    }
    for (const line of state.paused) {
      if (line.pausedUntilMs > nowMs) continue;
      state.paused.delete(line);
      state.stirred.add(line);
    }
    for (const line of state.held) {
      if (line.heldUntilMs !== undefined && line.heldUntilMs > nowMs) break; // about the oldest first
      state.stirred.add(line);
    }
  }

  /** When `tick` has something to do next; undefined = never. */
  get nextTickMs(): number | undefined {
    let next = this.#state.deadlines.earliest?.deadlineMs;
    for (const line of this.#state.paused) {
      if (next === undefined || line.pausedUntilMs < next) next = line.pausedUntilMs;
    }
    const [oldest] = this.#state.held;
    const heldUntilMs = oldest?.heldUntilMs;
    return next === undefined || (heldUntilMs !== undefined && heldUntilMs < next) ? heldUntilMs : next;
  }

  /** Something may be sendable. */
  get hasStirred(): boolean {
    return hasBatches(this.#state);
  }

  /** Batches to hand to the appender now, in this order. Each is answered by `settled` once. */
  takeBatches(incarnation: number, nowMs: number): readonly Batch[] {
    this.#state.nowMs = nowMs;
    return takeBatches(this.#state, incarnation);
  }

  settled(batch: Batch, result: AppendResult, nowMs: number): void {
    this.#state.nowMs = nowMs;
    settleBatch(this.#state, batch, result);
  }

  /** A partition of the embedded cluster has room again. */
  roomOpened(topic: string, partition: number): void {
    const line = this.#state.lines.get(topic)?.[partition];
    if (line !== undefined) this.#state.stirred.add(line);
  }

  /** No appender could be had: what was not handed over fails. */
  unconnected(error: unknown): void {
    for (const item of this.#items()) {
      if (item.stage !== 'handed') this.#giveUp(item, { kind: 'unconnected', error });
    }
    this.#state.stirred.clear(); // nothing is left to send; the next task asks for a connection again
  }

  /** Calls `done` back, as an effect, once everything added so far is answered. */
  flush(done: () => void): void {
    this.#state.cohorts.end(done);
  }

  /** From now on tasks are refused; those that are here go on, and so do parts of their bodies. */
  close(): void {
    this.#state.closed = true;
  }

  /** Answers every caller with what is known now. */
  abandon(): void {
    for (const item of this.#items()) this.#giveUp(item, { kind: 'closed', stage: item.stage });
  }

  /** No task is here and no batch is out. */
  get isIdle(): boolean {
    return this.#state.itemCount === 0;
  }

  /** Bytes in the buffer: zero when idle. */
  get bufferedBytes(): number {
    return this.#state.room.usedBytes;
  }

  /** What is to be done now; to be asked for again until there is nothing. */
  takeEffects(): readonly Effect[] {
    const state = this.#state;
    for (let done = state.cohorts.takeFinished(); done !== undefined; done = state.cohorts.takeFinished()) {
      state.effects.push({ kind: 'flushed', done });
    }
    const { effects } = state;
    if (effects.length > 0) {
      state.effects = [];
      return effects;
    }
    // One at a time: how much room is left is known when it is encoded.
    const item = state.room.admitNext();
    return item === undefined ? nothing : [{ kind: 'encode', item }];
  }

  /** Tells the caller, and takes the task out unless it may be in the log. */
  #giveUp(item: Item, failure: Parameters<typeof refuse>[2]): void {
    if (item.stage === 'gone') return;
    refuse(this.#state, item, failure);
    if (item.stage !== 'handed') drop(this.#state, item);
  }

  #items(): readonly Item[] {
    const items: Item[] = [];
    for (const ofTopic of this.#state.lines.values()) {
      for (const line of ofTopic) {
        for (const lane of line?.lanes.values() ?? []) {
          for (let item = lane.first; item !== undefined; item = item.after) items.push(item);
        }
      }
    }
    return items.sort((a, b) => a.seq - b.seq);
  }
}
