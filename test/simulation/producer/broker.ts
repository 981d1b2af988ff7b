import type { AppendResult, RecordOutcome } from '../../../src/kafka/port.ts';
import type { Batch } from '../../../src/producer/core/effects.ts';
import type { Fate } from './actions.ts';

interface Sent {
  readonly batch: Batch;
  readonly incarnation: number;
  result: AppendResult | undefined;
}

/**
 * Logs and an appender that keeps the port's promises and no more: batches of a partition are decided in the order they
 * were given, results arrive in any order, a fatal error makes everything undecided unknown.
 */
export class SimulatedBroker {
  incarnation = 1;
  readonly logs = new Map<number, string[]>();
  /** Ids that came into the log after their outcome was told. */
  readonly late = new Set<string>();
  readonly violations: string[] = [];
  #sent: Sent[] = [];
  readonly #warmIn = new Map<number, number>();

  log(partition: number): string[] {
    let log = this.logs.get(partition);
    if (log === undefined) {
      log = [];
      this.logs.set(partition, log);
    }
    return log;
  }

  take(batch: Batch): void {
    const underWay = this.#sent.filter((sent) => sent.batch.partition === batch.partition);
    const isCold = this.#warmIn.get(batch.partition) !== this.incarnation;
    if (isCold && (underWay.length > 0 || batch.items.length > 1)) {
      this.violations.push(`cold partition ${batch.partition} was given more than one record`);
    }
    this.#sent.push({ batch, incarnation: this.incarnation, result: undefined });
  }

  get isEmpty(): boolean {
    return this.#sent.length === 0;
  }

  /** Decides the oldest undecided batch of a partition. */
  decide(partition: number, fates: readonly Fate[]): void {
    const next = this.#sent.find((sent) => sent.batch.partition === partition && sent.result === undefined);
    if (next !== undefined) this.#decide(next, fates);
  }

  fatal(fates: readonly Fate[]): void {
    for (const sent of this.#sent) if (sent.result === undefined) this.#decide(sent, fates);
    this.incarnation += 1;
  }

  /** Takes one of the decided batches, to be delivered. */
  takeDecided(pick: number): { readonly batch: Batch; readonly result: AppendResult } | undefined {
    const decided = this.#sent.filter((sent) => sent.result !== undefined);
    const chosen = decided[pick % Math.max(1, decided.length)];
    if (chosen?.result === undefined) return undefined;
    this.#sent = this.#sent.filter((sent) => sent !== chosen);
    const { batch, result } = chosen;
    if (result.outcomes.some(({ kind }) => kind === 'appended'))
      this.#warmIn.set(batch.partition, result.incarnation);
    return { batch, result };
  }

  #decide(sent: Sent, fates: readonly Fate[]): void {
    const outcomes = sent.batch.items.map((item, at) =>
      this.#settle(item.id, sent.batch.partition, fates[at % fates.length] ?? 'appended'),
    );
    sent.result = { outcomes, incarnation: sent.incarnation };
  }

  #settle(id: string, partition: number, fate: Fate): RecordOutcome {
    const log = this.log(partition);
    const failure = { kind: 'other', code: undefined, message: fate } as const;
    switch (fate) {
      case 'appended':
        return { kind: 'appended', offset: log.push(id) - 1, timestampMs: 0 };
      case 'refused':
        return { kind: 'absent', failure };
      case 'passed-over':
        return { kind: 'absent', failure: { ...failure, kind: 'transient' } };
      case 'unknown-in-log':
        log.push(id);
        return { kind: 'unknown', failure };
      case 'unknown-late':
        this.late.add(id);
        return { kind: 'unknown', failure };
      case 'unknown-lost':
        return { kind: 'unknown', failure };
      case 'acked-without-offset':
        return { kind: 'appended', offset: -1001, timestampMs: 0 };
    }
  }
}
