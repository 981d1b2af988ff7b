import type { AppendResult, KafkaFailure, RecordBatch, RecordOutcome } from '../port.ts';

/** A batch whose records are not all settled. */
export class OpenBatch {
  readonly batch: RecordBatch;
  /** The producer identity it was given to. Reports are matched by the batch object, so a late one cannot mix up. */
  readonly incarnation: number;
  /** Index of the first record that the client has not taken yet. */
  handedOver = 0;
  readonly partitionName: string;
  /** Whether one of its records was acknowledged with an offset. */
  sawOffset = false;
  readonly #outcomes: (RecordOutcome | undefined)[];
  readonly #resolve: (result: AppendResult) => void;
  #open: number;

  constructor(batch: RecordBatch, incarnation: number, resolve: (result: AppendResult) => void) {
    this.batch = batch;
    this.partitionName = `${batch.topic}/${batch.partition}`;
    this.incarnation = incarnation;
    this.#outcomes = batch.records.map(() => undefined);
    this.#open = batch.records.length;
    this.#resolve = resolve;
  }

  get settled(): boolean {
    return this.#open === 0;
  }

  /** The first outcome of a record counts; a report that comes after it was given up is dropped. */
  settle(index: number, outcome: RecordOutcome): void {
    if (index >= this.#outcomes.length || this.#outcomes[index] !== undefined) return;
    this.#outcomes[index] = outcome;
    this.#open -= 1;
    if (this.#open > 0) return;
    this.#resolve({
      outcomes: this.#outcomes.filter((known) => known !== undefined),
      incarnation: this.incarnation,
    });
  }

  /** Gives up: what the client never took is absent, what it took is unknown. */
  giveUp(failure: KafkaFailure): void {
    const total = this.#outcomes.length;
    for (let index = this.handedOver; index < total; index += 1) {
      this.settle(index, { kind: 'absent', failure });
    }
    for (let index = 0; index < this.handedOver; index += 1) {
      this.settle(index, { kind: 'unknown', failure });
    }
  }

  /** What was not handed over will not be. */
  refuseRest(failure: KafkaFailure): void {
    for (let index = this.handedOver; index < this.#outcomes.length; index += 1) {
      this.settle(index, { kind: 'absent', failure });
    }
  }
}
