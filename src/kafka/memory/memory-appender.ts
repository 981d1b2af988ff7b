import type {
  Appender,
  AppendResult,
  KafkaFailure,
  OutgoingRecord,
  RecordBatch,
  RecordOutcome,
  TopicPartition,
} from '../port.ts';
import { failures } from './failures.ts';
import type { AppendFault } from './faults.ts';
import type { MemoryCluster } from './memory-cluster.ts';
import { nameOf } from './partition-name.ts';

/** A batch under way. It is settled once; whatever comes after that is too late. */
interface Sending {
  readonly batch: RecordBatch;
  readonly incarnation: number;
  readonly resolve: (result: AppendResult) => void;
  /** Its ack, when that is there. Acks of a partition arrive in the order of its batches. */
  outcomes: readonly RecordOutcome[] | undefined;
}

/** What is under way to one partition. */
interface Lane {
  readonly partition: TopicPartition;
  /** Has acked an offset in this incarnation. */
  warm: boolean;
  /** Not at the broker yet, in order. */
  readonly waiting: Sending[];
  /** Handed to append() and not settled, in order; `waiting` is its tail. */
  readonly unsettled: Sending[];
  /** The head is held up: nobody overtakes it. */
  blocked: boolean;
}

/** Appends to the logs of a {@link MemoryCluster} and meets the faults armed there. */
export class MemoryAppender implements Appender {
  readonly #cluster: MemoryCluster;
  #incarnation = 1;
  #lanes = new Map<string, Lane>();
  #closing: Promise<void> | undefined;
  #closed = false;
  #onIdle: (() => void) | undefined;

  constructor(cluster: MemoryCluster) {
    this.#cluster = cluster;
  }

  get incarnation(): number {
    return this.#incarnation;
  }

  append(batch: RecordBatch): Promise<AppendResult> {
    const incarnation = this.#incarnation;
    const { topic, partition, records } = batch;
    if (records.length === 0) return Promise.resolve({ outcomes: [], incarnation });
    if (this.#closed)
      return Promise.resolve({ outcomes: all(records, absent(failures.closed)), incarnation });
    const lane = this.#lane({ topic, partition });
    if (!lane.warm && (records.length > 1 || lane.unsettled.length > 0)) {
      this.#cluster.misuses.push(
        `More than one record under way to ${topic}[${partition}], which is not warm`,
      );
    }
    return new Promise((resolve) => {
      const sending: Sending = { batch, incarnation, resolve, outcomes: undefined };
      lane.waiting.push(sending);
      lane.unsettled.push(sending);
      this.#cluster.schedule(() => this.#proceed(lane));
    });
  }

  close({ timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#openLanes().length > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#cluster.clock.setTimer(timeoutMs, resolve, { background: true });
        this.#onIdle = () => {
          timer.clear();
          resolve();
        };
      });
    }
    this.#closed = true;
    for (const lane of this.#openLanes()) giveUp(lane, failures.closed);
  }

  #openLanes(): Lane[] {
    return [...this.#lanes.values()].filter((lane) => lane.unsettled.length > 0);
  }

  #lane(partition: TopicPartition): Lane {
    const name = nameOf(partition);
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { partition, warm: false, waiting: [], unsettled: [], blocked: false };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  /** Sends the batch at the head. */
  #proceed(lane: Lane): void {
    const sending = lane.waiting[0];
    if (sending === undefined || lane.blocked) return;
    const fault = this.#cluster.faults.takeAppend(lane.partition);
    if (fault?.kind === 'hold') {
      lane.blocked = true;
      fault.hold.wait(() => {
        this.#cluster.schedule(() => {
          lane.blocked = false;
          this.#proceed(lane);
        });
      });
      return;
    }
    lane.waiting.shift();
    this.#send(lane, sending, fault);
    if (lane.waiting.length > 0) this.#cluster.schedule(() => this.#proceed(lane));
  }

  #send(lane: Lane, sending: Sending, fault: Exclude<AppendFault, { kind: 'hold' }> | undefined): void {
    const { records } = sending.batch;
    const write = () => this.#cluster.write(lane.partition, records);
    switch (fault?.kind) {
      case undefined:
        this.#ack(lane, sending, write());
        return;
      case 'refuse':
        this.#ack(lane, sending, all(records, absent(fault.failure)));
        return;
      case 'lose-ack':
        write();
        this.#ack(lane, sending, all(records, unknown(fault.failure)));
        return;
      case 'hold-ack': {
        const outcomes = write();
        fault.hold.wait(() => this.#ack(lane, sending, outcomes));
        return;
      }
      case 'stumble':
        this.#ack(lane, sending, this.#writeAfterStumble(lane, sending));
        return;
      case 'producer-fatal':
        if (fault.appended) write();
        this.#die();
    }
  }

  /**
   * What a fresh idempotent producer really does (see the port): when more is under way, the broker takes the later
   * records first, and the client believes the first one stored.
   */
  #writeAfterStumble(lane: Lane, { batch }: Sending): readonly RecordOutcome[] {
    const underWay = lane.unsettled.reduce((sum, sending) => sum + sending.batch.records.length, 0);
    if (lane.warm || underWay === 1) return this.#cluster.write(lane.partition, batch.records);
    return [unknown(failures.noOffset), ...this.#cluster.write(lane.partition, batch.records.slice(1))];
  }

  #ack(lane: Lane, sending: Sending, outcomes: readonly RecordOutcome[]): void {
    sending.outcomes = outcomes;
    this.#cluster.schedule(() => this.#deliverAcks(lane));
  }

  #deliverAcks(lane: Lane): void {
    for (let head = lane.unsettled[0]; head?.outcomes !== undefined; head = lane.unsettled[0]) {
      lane.unsettled.shift();
      if (head.outcomes.some(({ kind }) => kind === 'appended')) lane.warm = true;
      head.resolve({ outcomes: head.outcomes, incarnation: head.incarnation });
    }
    if (this.#onIdle !== undefined && this.#openLanes().length === 0) this.#onIdle();
  }

  /** The producer is rebuilt under a new id; nobody knows what became of what it was given. */
  #die(): void {
    const lanes = [...this.#lanes.values()];
    this.#incarnation += 1;
    this.#lanes = new Map();
    for (const lane of lanes) {
      lane.waiting.length = 0;
      giveUp(lane, failures.producerFatal);
    }
    this.#onIdle?.();
  }
}

/** What waits in the lane may still be appended: the caller has been told it may. */
function giveUp(lane: Lane, failure: KafkaFailure): void {
  for (const { batch, incarnation, resolve, outcomes } of lane.unsettled.splice(0)) {
    resolve({ outcomes: outcomes ?? all(batch.records, unknown(failure)), incarnation });
  }
}

function all(records: readonly OutgoingRecord[], outcome: RecordOutcome): readonly RecordOutcome[] {
  return records.map(() => outcome);
}

function absent(failure: KafkaFailure): RecordOutcome {
  return { kind: 'absent', failure };
}

function unknown(failure: KafkaFailure): RecordOutcome {
  return { kind: 'unknown', failure };
}
