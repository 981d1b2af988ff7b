import type { Appender, AppendResult, RecordBatch, RecordOutcome } from '../../src/kafka/port.ts';

/** A batch that waits for its script. */
export interface AppendCall {
  readonly batch: RecordBatch;
  /** The records' values as text. */
  readonly values: readonly string[];
  /** Appends all and answers with their offsets. */
  ack(): void;
  answer(outcomes: readonly RecordOutcome[]): void;
}

/** An appender that does what a test says, and keeps the logs. */
export class ScriptedAppender implements Appender {
  incarnation = 1;
  /** Batches without an answer, oldest first. */
  readonly calls: AppendCall[] = [];
  readonly #logs = new Map<string, string[]>();
  /** Whether batches are acked at once. */
  autoAck = false;

  append(batch: RecordBatch): Promise<AppendResult> {
    const { incarnation } = this;
    return new Promise((resolve) => {
      const values = batch.records.map(({ value }) => value.toString());
      const answer = (outcomes: readonly RecordOutcome[]): void => {
        this.calls.splice(this.calls.indexOf(call), 1);
        resolve({ outcomes, incarnation });
      };
      const call: AppendCall = {
        batch,
        values,
        answer,
        ack: () => answer(values.map((value) => this.#append(batch, value))),
      };
      this.calls.push(call);
      if (this.autoAck) call.ack();
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** From now on everything is acked at once. */
  ackEverything(): void {
    this.autoAck = true;
    while (this.calls.length > 0) this.calls[0]?.ack();
  }

  log(topic: string, partition: number): readonly string[] {
    return this.#logs.get(`${topic}/${partition}`) ?? [];
  }

  #append(batch: RecordBatch, value: string): RecordOutcome {
    const name = `${batch.topic}/${batch.partition}`;
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    return { kind: 'appended', offset: log.push(value) - 1, timestampMs: 1_234 };
  }
}

/** Outcomes for scripts. */
export const absent = (kind: 'transient' | 'too-large' | 'authorization'): RecordOutcome => ({
  kind: 'absent',
  failure: { kind, code: undefined, message: `scripted ${kind}` },
});

export const unknown: RecordOutcome = {
  kind: 'unknown',
  failure: { kind: 'producer-fatal', code: -150, message: 'scripted fatal error' },
};
