import { type Clock, systemClock } from '../../clock/clock.ts';
import type { CommitOutcome, KafkaFailure, OffsetCommit } from '../port.ts';
import { concernsWholeGroup, errorCode, failureOfError } from './failure.ts';
import type { NativeError, NativePosition } from './native.ts';
import { checkOffset, checkPartition, PartitionTable } from './partition-table.ts';

/** A broker takes 4,095 characters by default (offset.metadata.max.bytes); see the port for ours. */
const MAX_METADATA_CHARS = 4_000;

/** The client itself gives a request up after 60 s (socket.timeout.ms). */
const ANSWER_MS = 60_000;
/** How long after that an answer may still come. */
const LATE_MS = 60_000;

const UNANSWERED: KafkaFailure = {
  kind: 'unreachable',
  code: undefined,
  message: `The client did not answer a commit within ${ANSWER_MS / 1_000} s`,
};
const AMBIGUOUS: KafkaFailure = {
  kind: 'transient',
  code: undefined,
  message: 'The answer to a commit may be that to an earlier one which was not answered in time',
};
const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The group member was closed' };

interface InFlight {
  readonly offsets: readonly NativePosition[];
  readonly settle: (failure: KafkaFailure | undefined) => void;
}

/**
 * Sends commits one after the other and waits for each one's acknowledgement, which comes through `offset_commit_cb`
 * while the consumer is polled. A commit that is not answered in time has failed, whatever becomes of it.
 *
 * One in flight, because an acknowledgement names only partitions and offsets: of two commits with equal offsets and
 * different metadata one could not tell which was acknowledged. For the same reason a commit that looks like an earlier
 * one whose answer never came fails when an answer comes: it may be the other's.
 *
 * The broker refuses partition by partition, yet the client reports one error for the whole commit and does not say
 * what was stored. After an error that need not concern all, the commit is sent again in halves until each partition's
 * own answer is known; what is stored again is the same.
 */
export class Commits {
  readonly #send: (offsets: readonly NativePosition[]) => void;
  readonly #clock: Clock;
  #turn: Promise<unknown> = Promise.resolve();
  #inFlight: InFlight | undefined;
  /** Commits that were not answered in time, until their answers come or no longer can. */
  readonly #unheard = new Set<readonly NativePosition[]>();
  #closed = false;

  constructor(send: (offsets: readonly NativePosition[]) => void, clock: Clock = systemClock) {
    this.#send = send;
    this.#clock = clock;
  }

  /** One outcome an offset, in their order. */
  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    const result = this.#turn.then(() => this.#commitNow(offsets));
    this.#turn = result;
    return result;
  }

  /** To be called by the consumer's `offset_commit_cb`. */
  onAcknowledged(error: NativeError | undefined, answered: readonly unknown[]): void {
    const failure = error === undefined || error === null ? undefined : failureOfCommit(error);
    const inFlight = this.#inFlight;
    const isOwn = inFlight !== undefined && answers(inFlight.offsets, answered, failure);
    for (const earlier of this.#unheard) {
      if (!answers(earlier, answered, failure)) continue;
      if (isOwn) inFlight.settle(AMBIGUOUS);
      else this.#unheard.delete(earlier);
      return;
    }
    if (isOwn) inFlight.settle(failure);
  }

  close(): void {
    this.#closed = true;
    this.#unheard.clear();
    this.#inFlight?.settle(CLOSED);
  }

  async #commitNow(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    const failures = new PartitionTable<KafkaFailure | undefined>();
    const sendable: NativePosition[] = [];
    for (const offset of offsets) {
      const problem = offsetProblem(offset);
      failures.set(offset, problem);
      if (problem === undefined) sendable.push(toNative(offset));
    }
    await this.#settle(sendable, failures);
    return offsets.map(({ topic, partition }) => ({
      topic,
      partition,
      failure: failures.get(topic, partition),
    }));
  }

  async #settle(
    offsets: readonly NativePosition[],
    failures: PartitionTable<KafkaFailure | undefined>,
  ): Promise<void> {
    if (offsets.length === 0) return;
    const failure = await this.#sendOnce(offsets);
    if (failure === undefined) return;
    if (offsets.length === 1 || concernsWholeGroup(failure)) {
      for (const offset of offsets) failures.set(offset, failure);
      return;
    }
    const middle = offsets.length >> 1;
    await this.#settle(offsets.slice(0, middle), failures);
    await this.#settle(offsets.slice(middle), failures);
  }

  #sendOnce(offsets: readonly NativePosition[]): Promise<KafkaFailure | undefined> {
    if (this.#closed) return Promise.resolve(CLOSED);
    return new Promise((resolve) => {
      const settle = (failure: KafkaFailure | undefined): void => {
        timer.clear();
        this.#inFlight = undefined;
        resolve(failure);
      };
      const timer = this.#clock.setTimer(ANSWER_MS, () => {
        this.#unheard.add(offsets);
        this.#clock.setTimer(LATE_MS, () => this.#unheard.delete(offsets), { background: true });
        settle(UNANSWERED);
      });
      this.#inFlight = { offsets, settle };
      try {
        this.#send(offsets);
      } catch (error) {
        settle(failureOfCommit(error)); // not taken: nothing will call back
      }
    });
  }
}

/**
 * Whether an answer can be this commit's: it names its partitions and offsets, and no others. The client may answer with
 * an error and name nothing; that is taken for any commit's, since a commit that has failed is only made anew.
 */
function answers(
  sent: readonly NativePosition[],
  answered: readonly unknown[],
  failure: KafkaFailure | undefined,
): boolean {
  if (answered.length === 0) return failure !== undefined;
  const named = new PartitionTable<number>();
  for (const one of answered) if (isPosition(one)) named.set(one, one.offset);
  if (named.size !== sent.length) return false;
  return sent.every(({ topic, partition, offset }) => named.get(topic, partition) === offset);
}

/** An entry that the client could not make out is an Error. */
function isPosition(value: unknown): value is NativePosition {
  return typeof value === 'object' && value !== null && 'topic' in value && 'offset' in value;
}

/** A consumer's fatal error means that another member took its static id: what it held is lost. */
function failureOfCommit(error: unknown): KafkaFailure {
  const failure = failureOfError(error);
  return failure.kind === 'producer-fatal' ? { ...failure, kind: 'fenced' } : failure;
}

function toNative({ topic, partition, offset, metadata }: OffsetCommit): NativePosition {
  return { topic, partition, offset, metadata };
}

function offsetProblem({ topic, partition, offset, metadata }: OffsetCommit): KafkaFailure | undefined {
  try {
    checkPartition(topic, partition);
    checkOffset(topic, partition, offset);
  } catch (error) {
    return failureOfError(error);
  }
  if (metadata.length > MAX_METADATA_CHARS) {
    const message = `Commit metadata of ${metadata.length} characters; at most ${MAX_METADATA_CHARS} fit`;
    return { kind: 'too-large', code: errorCode.metadataTooLarge, message };
  }
  // The client cuts it there.
  if (metadata.includes('\0')) {
    return { kind: 'other', code: undefined, message: 'Commit metadata contains a NUL character' };
  }
  return undefined;
}
