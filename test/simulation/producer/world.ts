import type { Failure } from '../../../src/producer/core/effects.ts';
import type { EncodedRecord, Item } from '../../../src/producer/core/item.ts';
import type { ProducerCore } from '../../../src/producer/core/producer-core.ts';
import { type Action, MAX_BYTES, PARTITIONS } from './actions.ts';
import { SimulatedBroker } from './broker.ts';

/** Small enough that every gate closes in a short schedule. */
export const config = {
  bufferBytes: 200,
  partitionBytes: 120,
  keyBytes: 80,
  uploadCount: 3,
  uploadBytes: 30,
  deliveryTimeoutMs: 1_000_000,
  maxBatchBytes: 50,
  maxInFlightCount: 3,
  maxInFlightBytes: 120,
  busyBytes: 60,
  hold: { roundTrips: 1, minMs: 2, maxMs: 8 },
  coldAfterIdleMs: 10_000,
  resend: { minMs: 1, maxMs: 4 },
} as const;

type Answer =
  | { readonly kind: 'resolved'; readonly offset: number }
  | { readonly kind: 'rejected'; readonly failure: Failure };

interface Task {
  readonly id: string;
  readonly lane: string;
  readonly partition: number;
  readonly bytes: number;
  readonly encode: Extract<Action, { kind: 'add' }>['encode'];
  readonly answers: Answer[];
  item: Item | undefined;
  /** With the appender now. */
  isOut: boolean;
}

/** Runs one schedule against a producer core and keeps book of what the callers were told. */
export class World {
  readonly broker = new SimulatedBroker();
  readonly tasks: Task[] = [];
  readonly violations: string[] = [];
  flushesOpen = 0;
  readonly #core: ProducerCore;
  readonly #byId = new Map<string, Task>();
  /** Tasks that must never be sent any more: one before them failed. */
  readonly #barred = new Map<string, string>();
  readonly #preparing: { readonly task: Task; readonly what: 'validation' | 'encoding' }[] = [];
  #nowMs = 0;

  constructor(core: ProducerCore) {
    this.#core = core;
  }

  run(actions: readonly Action[]): void {
    for (const action of actions) {
      this.#act(action);
      this.#perform();
      this.#checkBounds();
    }
    this.#heal();
    this.#checkEnd();
    this.violations.push(...this.broker.violations);
  }

  #act(action: Action): void {
    switch (action.kind) {
      case 'add':
        this.#add(action);
        return;
      case 'prepare':
        this.#prepare(action.pick, action.ok);
        return;
      case 'abort': {
        const open = this.tasks.filter(({ answers }) => answers.length === 0);
        const item = open[action.pick % Math.max(1, open.length)]?.item;
        if (item !== undefined) this.#core.abort(item, new Error('changed my mind'));
        return;
      }
      case 'advance':
        this.#nowMs += action.ms;
        this.#core.tick(this.#nowMs);
        return;
      case 'send':
        this.#send();
        return;
      case 'decide':
        this.broker.decide(action.partition, action.fates);
        return;
      case 'deliver':
        this.#deliver(action.pick);
        return;
      case 'fatal':
        this.broker.fatal(action.fates);
        return;
      case 'flush':
        this.#flush();
    }
  }

  #add(action: Extract<Action, { kind: 'add' }>): void {
    const id = `t${this.tasks.length}`;
    const lane = `${action.partition}/${action.key}`;
    const { partition, bytes, encode } = action;
    const task: Task = { id, lane, partition, bytes, encode, answers: [], item: undefined, isOut: false };
    this.tasks.push(task);
    this.#byId.set(id, task);
    const given = {
      topic: 't',
      partition,
      laneKey: String(action.key),
      id,
      type: 'x',
      sizeBytes: action.guess,
      encode: () => this.#record(task),
      upload: encode === 'upload',
      ready: action.validates ? Promise.resolve() : undefined,
      timeoutMs: action.timeoutMs,
    };
    const nobody = { resolve: () => undefined, reject: () => undefined };
    task.item = this.#core.add(given, nobody, this.#nowMs);
    if (action.validates) this.#preparing.push({ task, what: 'validation' });
  }

  #record(task: Task): EncodedRecord {
    return { record: { key: null, value: Buffer.from(task.id), headers: [] }, bytes: task.bytes };
  }

  #prepare(pick: number, ok: boolean): void {
    const at = pick % Math.max(1, this.#preparing.length);
    const [ended] = this.#preparing.splice(at, 1);
    const item = ended?.task.item;
    if (ended === undefined || item === undefined) return;
    if (!ok) this.#core.encodeFailed(item, new Error('bad payload'));
    else if (ended.what === 'validation') this.#core.validated(item);
    else this.#core.encoded(item, this.#record(ended.task));
  }

  #perform(): void {
    for (let effects = this.#core.takeEffects(); effects.length > 0; effects = this.#core.takeEffects()) {
      for (const effect of effects) {
        if (effect.kind === 'flushed') effect.done();
        else if (effect.kind === 'encode') this.#encode(effect.item);
        else if (effect.kind === 'resolve' || effect.kind === 'reject') this.#hear(effect);
      }
    }
  }

  #encode(item: Item): void {
    const task = this.#byId.get(item.id);
    if (task === undefined || item.encode === undefined) return;
    if (task.encode === 'at-once') this.#core.encoded(item, this.#record(task));
    else if (task.encode === 'fails') this.#core.encodeFailed(item, new Error('cannot be serialised'));
    else {
      this.#core.encodesLater(item);
      this.#preparing.push({ task, what: 'encoding' });
    }
  }

  #hear(
    effect:
      | { kind: 'resolve'; item: Item; offset: number }
      | { kind: 'reject'; item: Item; failure: Failure },
  ): void {
    const task = this.#byId.get(effect.item.id);
    if (task === undefined) return;
    if (effect.kind === 'resolve') {
      task.answers.push({ kind: 'resolved', offset: effect.offset });
      return;
    }
    task.answers.push({ kind: 'rejected', failure: effect.failure });
    const { kind } = effect.failure;
    if (kind === 'timeout' || kind === 'unconfirmed') this.#bar(task);
    if (kind === 'predecessor') this.#checkPredecessor(task, effect.failure.id);
  }

  /** Those of its key that were added after it and are not with the appender now have to fail. */
  #bar(failed: Task): void {
    const at = this.tasks.indexOf(failed);
    for (const later of this.tasks.slice(at + 1)) {
      if (later.lane === failed.lane && !later.isOut && !this.#isInLog(later))
        this.#barred.set(later.id, failed.id);
    }
  }

  #checkPredecessor(task: Task, predecessorId: string): void {
    const predecessor = this.#byId.get(predecessorId);
    const failed = predecessor?.answers.find((answer) => answer.kind === 'rejected');
    const causes = ['timeout', 'unconfirmed', 'aborted'];
    if (failed === undefined || !causes.includes(failed.failure.kind) || predecessor?.lane !== task.lane) {
      this.violations.push(`${task.id} was failed on account of ${predecessorId}, which is no reason`);
    }
  }

  #send(): void {
    for (const batch of this.#core.takeBatches(this.broker.incarnation, this.#nowMs)) {
      for (const { id } of batch.items) {
        const task = this.#byId.get(id);
        if (task !== undefined) task.isOut = true;
        const failed = this.#barred.get(id);
        if (failed !== undefined)
          this.violations.push(`${id} was sent although ${failed} before it had failed`);
        if (task?.answers.length !== 0) this.violations.push(`${id} was sent after its caller had an answer`);
      }
      this.broker.take(batch);
    }
  }

  #deliver(pick: number): void {
    const decided = this.broker.takeDecided(pick);
    if (decided === undefined) return;
    for (const { id } of decided.batch.items) {
      const task = this.#byId.get(id);
      if (task !== undefined) task.isOut = false;
    }
    this.#core.settled(decided.batch, decided.result, this.#nowMs);
  }

  #flush(): void {
    const before = [...this.tasks];
    this.flushesOpen += 1;
    this.#core.flush(() => {
      this.flushesOpen -= 1;
      if (before.some(({ answers }) => answers.length === 0)) this.violations.push('a flush ended too early');
    });
  }

  /** The faults are over: everything has to come to its end soon, without a deadline's help. */
  #heal(): void {
    for (let round = 0; round < 500 && !this.#core.isIdle; round += 1) {
      this.#nowMs += 1;
      this.#core.tick(this.#nowMs);
      this.#prepare(0, true);
      this.#perform();
      this.#send();
      for (let partition = 0; partition < PARTITIONS; partition += 1)
        this.broker.decide(partition, ['appended']);
      this.#deliver(0);
      this.#perform();
    }
    if (!this.#core.isIdle) this.violations.push('something is stuck');
  }

  #checkBounds(): void {
    const { bufferedBytes } = this.#core;
    // Its size is known only once a task is encoded: one wrong guess, and those of uploads, are the most it may hold too much.
    const guessedBytes = config.maxBatchBytes + config.uploadCount * MAX_BYTES;
    if (bufferedBytes > config.bufferBytes + guessedBytes) {
      this.violations.push(`the buffer holds ${bufferedBytes} bytes`);
    }
    const uploads = this.tasks.filter(
      ({ encode, item }) => encode === 'upload' && item?.stage === 'encoding',
    );
    if (uploads.length > config.uploadCount) this.violations.push(`${uploads.length} uploads go on at once`);
  }

  #isInLog(task: Task): boolean {
    return this.broker.log(task.partition).includes(task.id);
  }

  #checkEnd(): void {
    if (this.#core.bufferedBytes !== 0)
      this.violations.push(`${this.#core.bufferedBytes} bytes stay in the buffer`);
    if (this.flushesOpen !== 0) this.violations.push('a flush never ended');
    for (const task of this.tasks) this.#checkTask(task);
    for (let partition = 0; partition < PARTITIONS; partition += 1) this.#checkOrder(partition);
  }

  #checkTask(task: Task): void {
    const [answer] = task.answers;
    const log = this.broker.log(task.partition);
    const copies = log.filter((id) => id === task.id).length + (this.broker.late.has(task.id) ? 1 : 0);
    if (answer === undefined || task.answers.length > 1) {
      this.violations.push(`${task.id} has ${task.answers.length} answers`);
      return;
    }
    if (copies > 1) this.violations.push(`${task.id} is in the log ${copies} times`);
    if (answer.kind === 'resolved') {
      if (log[answer.offset] !== task.id)
        this.violations.push(`${task.id} was confirmed and is not at its offset`);
    } else if (outcomeOf(answer.failure) === 'absent' && copies > 0) {
      this.violations.push(`${task.id} was said to be absent and is in the log`);
    }
  }

  #checkOrder(partition: number): void {
    const newest = new Map<string, number>();
    for (const id of this.broker.log(partition)) {
      const task = this.#byId.get(id);
      if (task === undefined) continue;
      const seq = this.tasks.indexOf(task);
      if (seq < (newest.get(task.lane) ?? -1)) this.violations.push(`${id} came into the log too late`);
      newest.set(task.lane, seq);
    }
  }
}

function outcomeOf(failure: Failure): 'absent' | 'unknown' {
  if (failure.kind === 'unconfirmed') return 'unknown';
  return 'stage' in failure && failure.stage === 'handed' ? 'unknown' : 'absent';
}
