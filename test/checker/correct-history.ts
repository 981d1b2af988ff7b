import type { CommitClaim, EventBody, LogEvent } from './events.ts';
import { SeededRandom } from './seeded-random.ts';

export interface CorrectHistoryOptions {
  readonly seed: number;
  readonly steps: number;
  readonly partitions: number;
  readonly keys: number;
}

interface LoggedTask {
  readonly id: string;
  readonly key: string;
  readonly offset: number;
  readonly producer: string;
  readonly hash: string;
  readonly bytes: number;
}

interface Owner {
  readonly worker: Worker;
  readonly epoch: number;
  readonly done: Set<number>;
  readonly running: Map<string, { readonly record: LoggedTask; readonly attempt: number }>;
  readonly attempts: Map<number, number>;
  pending: { readonly commit: number; readonly claim: CommitClaim } | undefined;
}

interface Worker {
  readonly name: string;
  readonly slot: number;
}

interface Partition {
  readonly number: number;
  readonly log: LoggedTask[];
  committed: CommitClaim;
  owner: Owner | undefined;
}

/** A tiny perfect engine: what it writes down is a history without a fault, crashes and rebalances included. */
class PerfectEngine {
  readonly events: LogEvent[] = [];
  readonly #random: SeededRandom;
  readonly #partitions: Partition[];
  readonly #keys: readonly string[];
  readonly #workers: Worker[] = [];
  readonly #unacked: { readonly record: LoggedTask; readonly partition: number }[] = [];
  #at = 0;
  #lives = 0;
  #tasks = 0;
  #epochs = 0;
  #commits = 0;

  constructor(options: CorrectHistoryOptions) {
    this.#random = new SeededRandom(options.seed);
    this.#partitions = Array.from({ length: options.partitions }, (_, number) => ({
      number,
      log: [],
      committed: { partition: number, epoch: 0, offset: 0, doneBelow: 0, unfinished: [] },
      owner: undefined,
    }));
    this.#keys = Array.from({ length: options.keys }, (_, i) => `key-${i}`);
    for (let slot = 0; slot < 3; slot += 1) this.#spawn(slot);
    for (const partition of this.#partitions) this.#give(partition);
  }

  step(): void {
    const dice = this.#random.below(100);
    const partition = this.#random.pick(this.#partitions);
    if (partition === undefined) return;
    if (dice < 25) this.#enqueue();
    else if (dice < 40) this.#ack();
    else if (dice < 60) this.#start(partition);
    else if (dice < 82) this.#end(partition, this.#random.below(10) > 0);
    else if (dice < 94) this.#commit(partition);
    else if (dice < 97) this.#move(partition);
    else if (dice < 99) this.#kill();
    else this.#restart();
  }

  finish(): void {
    while (this.#unacked.length > 0) this.#ack();
    for (const partition of this.#partitions) {
      const left = (): boolean => partition.log.some((r) => partition.owner?.done.has(r.offset) !== true);
      while (left()) {
        this.#start(partition);
        this.#end(partition, true);
      }
    }
    for (const worker of this.#workers) this.#stop(worker);
  }

  #write(process: string, body: EventBody): void {
    this.#at += 1;
    this.events.push({ at: this.#at, process, ...body });
  }

  #spawn(slot: number): Worker {
    this.#lives += 1;
    const worker = { name: `worker-${slot}#${this.#lives}`, slot };
    this.#workers.push(worker);
    this.#write('injector', { event: 'spawned', target: worker.name });
    this.#write(worker.name, { event: 'process-started', pid: this.#lives });
    return worker;
  }

  #give(partition: Partition): void {
    const worker = this.#random.pick(this.#workers);
    if (worker === undefined) return;
    this.#epochs += 1;
    const { committed } = partition;
    const done = new Set<number>();
    for (const r of partition.log) {
      const listed = committed.unfinished.some((u) => u.lane === r.key && r.offset >= u.from);
      if (r.offset < committed.offset || (r.offset < committed.doneBelow && !listed)) done.add(r.offset);
    }
    const epoch = this.#epochs;
    partition.owner = { worker, epoch, done, running: new Map(), attempts: new Map(), pending: undefined };
    this.#write(worker.name, { event: 'assigned', partitions: [partition.number] });
    this.#commit(partition);
    this.#ackCommit(partition);
    this.#write(worker.name, {
      event: 'taken',
      partition: partition.number,
      epoch,
      offset: committed.offset,
    });
  }

  #enqueue(): void {
    const key = this.#random.below(this.#keys.length);
    const name = this.#keys[key] ?? '';
    const partition = this.#partitions[key % this.#partitions.length];
    if (partition === undefined) return;
    this.#tasks += 1;
    const producer = `producer-${this.#random.below(2)}`;
    const print = { hash: `hash-${this.#tasks}`, bytes: this.#random.between(1, 1000) };
    const record = { id: `task-${this.#tasks}`, key: name, offset: partition.log.length, producer, ...print };
    this.#write(producer, { event: 'enqueue-called', call: this.#tasks, id: record.id, key: name, ...print });
    partition.log.push(record);
    this.#unacked.push({ record, partition: partition.number });
  }

  #ack(): void {
    const next = this.#unacked.shift();
    if (next === undefined) return;
    const { id, offset, producer } = next.record;
    this.#write(producer, { event: 'enqueue-acked', id, partition: next.partition, offset });
  }

  #start(partition: Partition): void {
    const { owner } = partition;
    if (owner === undefined) return;
    const heads = new Map<string, LoggedTask>();
    for (const r of partition.log) if (!owner.done.has(r.offset) && !heads.has(r.key)) heads.set(r.key, r);
    const free = [...heads.values()].filter((r) => !owner.running.has(r.key));
    const record = this.#random.pick(free);
    if (record === undefined) return;
    const attempt = owner.attempts.get(record.offset) ?? 1;
    owner.running.set(record.key, { record, attempt });
    this.#write(owner.worker.name, { event: 'task-started', attempt, ...place(partition, owner, record) });
  }

  #end(partition: Partition, well: boolean): void {
    const { owner } = partition;
    const run = this.#random.pick([...(owner?.running.values() ?? [])]);
    if (owner === undefined || run === undefined) return;
    const { record } = run;
    owner.running.delete(record.key);
    const where = place(partition, owner, record);
    if (well) {
      owner.done.add(record.offset);
      const { hash, bytes } = record;
      this.#write(owner.worker.name, { event: 'task-finished', ...where, hash, bytes });
    } else {
      owner.attempts.set(record.offset, run.attempt + 1);
      this.#write(owner.worker.name, { event: 'task-failed', ...where, error: 'no luck' });
    }
  }

  /** Sends a commit, or has the one under way acknowledged. */
  #commit(partition: Partition): void {
    const { owner } = partition;
    if (owner === undefined) return;
    if (owner.pending !== undefined) {
      this.#ackCommit(partition);
      return;
    }
    const doneBelow = Math.max(-1, ...owner.done) + 1;
    const unfinished = new Map<string, number>();
    for (const r of partition.log.slice(0, doneBelow)) {
      if (!owner.done.has(r.offset) && !unfinished.has(r.key)) unfinished.set(r.key, r.offset);
    }
    const offset = Math.min(doneBelow, ...unfinished.values());
    const claim: CommitClaim = {
      partition: partition.number,
      epoch: owner.epoch,
      offset,
      doneBelow,
      unfinished: [...unfinished].map(([lane, from]) => ({ lane, from })),
    };
    this.#commits += 1;
    owner.pending = { commit: this.#commits, claim };
    this.#write(owner.worker.name, { event: 'commit-sent', commit: this.#commits, claims: [claim] });
  }

  #ackCommit(partition: Partition): void {
    const pending = partition.owner?.pending;
    if (partition.owner === undefined || pending === undefined) return;
    partition.owner.pending = undefined;
    partition.committed = pending.claim;
    const { name } = partition.owner.worker;
    this.#write(name, { event: 'commit-acked', commit: pending.commit, partition: partition.number });
  }

  /** A drain: running handlers end, the last commit is acknowledged, then the partition goes. */
  #release(partition: Partition): void {
    const { owner } = partition;
    if (owner === undefined) return;
    this.#write(owner.worker.name, { event: 'revoke-asked', partitions: [partition.number] });
    while (owner.running.size > 0) this.#end(partition, true);
    this.#ackCommit(partition);
    this.#commit(partition);
    this.#ackCommit(partition);
    this.#write(owner.worker.name, { event: 'given-up', partitions: [partition.number], how: 'revoked' });
    partition.owner = undefined;
  }

  #move(partition: Partition): void {
    this.#release(partition);
    this.#give(partition);
  }

  #forget(worker: Worker): Partition[] {
    this.#workers.splice(this.#workers.indexOf(worker), 1);
    this.#spawn(worker.slot);
    return this.#partitions.filter((p) => p.owner?.worker === worker);
  }

  #kill(): void {
    const worker = this.#random.pick(this.#workers);
    if (worker === undefined) return;
    this.#write('injector', { event: 'killed', target: worker.name });
    this.#write('injector', { event: 'exited', target: worker.name, code: null, signal: 'SIGKILL' });
    for (const partition of this.#forget(worker)) {
      partition.owner = undefined;
      this.#give(partition);
    }
  }

  #stop(worker: Worker): void {
    this.#write(worker.name, { event: 'stop-requested' });
    for (const partition of this.#partitions)
      if (partition.owner?.worker === worker) this.#release(partition);
    this.#write(worker.name, { event: 'stopped' });
  }

  #restart(): void {
    const worker = this.#random.pick(this.#workers);
    if (worker === undefined) return;
    const had = this.#partitions.filter((p) => p.owner?.worker === worker);
    this.#stop(worker);
    this.#forget(worker);
    for (const partition of had) this.#give(partition);
  }
}

function place(partition: Partition, owner: Owner, record: LoggedTask) {
  const { id, key, offset } = record;
  return { id, key, partition: partition.number, offset, epoch: owner.epoch };
}

/** A faultless history: every property holds. The same options give the same history. */
export function correctHistory(options: CorrectHistoryOptions): LogEvent[] {
  const engine = new PerfectEngine(options);
  for (let i = 0; i < options.steps; i += 1) engine.step();
  engine.finish();
  return engine.events;
}
