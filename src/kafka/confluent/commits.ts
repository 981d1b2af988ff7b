import type { CommitOutcome, KafkaFailure, OffsetCommit } from '../port.ts';
import { concernsWholeGroup, errorCode, failureOfError } from './failure.ts';
import type { NativeError, NativePosition } from './native.ts';
import { checkOffset, checkPartition, PartitionTable } from './partition-table.ts';

/** A broker takes 4,095 characters by default (offset.metadata.max.bytes); see the port for ours. */
const MAX_METADATA_CHARS = 4_000;

const CLOSED: KafkaFailure = { kind: 'closed', code: undefined, message: 'The group member was closed' };

/**
 * Sends commits one after the other and waits for each one's acknowledgement, which comes through `offset_commit_cb`
 * while the consumer is polled. librdkafka calls back for every commit it took, so there is no timeout here; closing
 * settles what is left.
 *
 * One in flight, because an acknowledgement names only partitions and offsets: of two commits with equal offsets and
 * different metadata one could not tell which was acknowledged.
 *
 * The broker refuses partition by partition, yet the client reports one error for the whole commit and does not say
 * what was stored. After an error that need not concern all, the commit is sent again in halves until each partition's
 * own answer is known; what is stored again is the same.
 */
export class Commits {
  readonly #send: (offsets: readonly NativePosition[]) => void;
  #turn: Promise<unknown> = Promise.resolve();
  #answered: ((failure: KafkaFailure | undefined) => void) | undefined;
  #closed = false;

  constructor(send: (offsets: readonly NativePosition[]) => void) {
    this.#send = send;
  }

  /** One outcome an offset, in their order. */
  commit(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
    const result = this.#turn.then(() => this.#commitNow(offsets));
    this.#turn = result;
    return result;
  }

  /** To be called by the consumer's `offset_commit_cb`. */
  onAcknowledged(error: NativeError | undefined): void {
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(error === undefined || error === null ? undefined : failureOfCommit(error));
  }

  close(): void {
    this.#closed = true;
    const answered = this.#answered;
    this.#answered = undefined;
    answered?.(CLOSED);
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
      this.#answered = resolve;
      try {
        this.#send(offsets);
      } catch (error) {
        // Not taken: nothing will call back.
        this.#answered = undefined;
        resolve(failureOfCommit(error));
      }
    });
  }
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
