import type { SimulatedWorker } from './simulated-worker.ts';
import { type SimulatedType, typeNamed } from './task-types.ts';
import type { Violations } from './violations.ts';

/** Who starts something: the assignment, its epoch, whether it is a parked task, and what record the handler is given. */
export interface Owner {
  readonly state: object;
  readonly epoch: number;
  readonly aside: boolean;
  readonly given: number;
}

/** A start, as the handler sees it. */
export interface Start {
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** The type's name as the record carries it. */
  readonly type: string;
}

interface RunningTask {
  readonly offset: number;
  readonly type: string;
  readonly owner: Owner;
  voided: boolean;
}

/** What runs where: a key alone in its process, and no more of a type at once, or within a time, than its limits say. */
export class RunningTasks {
  readonly #violations: Violations;
  readonly #types: readonly SimulatedType[];
  /** Process, then lane. */
  readonly #running = new Map<SimulatedWorker, Map<string, RunningTask>>();
  /** When the last starts of a type were, by process. */
  readonly #starts = new Map<SimulatedWorker, Map<string, number[]>>();

  constructor(violations: Violations, types: readonly SimulatedType[]) {
    this.#violations = violations;
    this.#types = types;
  }

  started(process: SimulatedWorker, start: Start, owner: Owner): void {
    this.#checkOverlap(process, start);
    const type = typeNamed(this.#types, start.type);
    const tasks = mapIn(this.#running, process);
    tasks.set(laneOf(start), { offset: start.offset, type: type.name, owner, voided: false });
    this.#checkConcurrency(tasks, start, type);
    this.#checkRate(process, start, type);
  }

  #checkOverlap(process: SimulatedWorker, start: Start): void {
    const lane = laneOf(start);
    for (const [other, tasks] of this.#running) {
      const task = tasks.get(lane);
      if (task === undefined) continue;
      if (other === process) {
        this.#fail(start, `P5 overlap: started while @${task.offset} of its key ran in the same process`);
      } else if (process.known && other.alive && other.known && !task.voided) {
        this.#fail(start, `P5 overlap: started while @${task.offset} of its key ran in another member`);
      }
    }
  }

  #checkConcurrency(tasks: ReadonlyMap<string, RunningTask>, start: Start, type: SimulatedType): void {
    if (type.concurrency === Number.POSITIVE_INFINITY) return;
    let count = 0;
    for (const task of tasks.values()) if (task.type === type.name) count += 1;
    if (count > type.concurrency)
      this.#fail(start, `type limits: ${count} of ${type.name} at once, may be ${type.concurrency}`);
  }

  #checkRate(process: SimulatedWorker, start: Start, { name, rateLimit }: SimulatedType): void {
    if (rateLimit === undefined) return;
    const { count, perMs } = rateLimit;
    const { nowMs } = process.world;
    const starts = mapIn(this.#starts, process).get(name) ?? [];
    mapIn(this.#starts, process).set(name, [...starts.slice(-count), nowMs]);
    const first = starts.at(-count);
    if (first !== undefined && nowMs - first < perMs)
      this.#fail(start, `type limits: ${count + 1} starts of ${name} within ${nowMs - first} ms`);
  }

  /** The process itself has said that this run no longer counts. */
  voided(process: SimulatedWorker, start: Start): void {
    const task = this.#running.get(process)?.get(laneOf(start));
    if (task?.offset === start.offset) task.voided = true;
  }

  /** A handler ends: who had started it. */
  ended(process: SimulatedWorker, start: Start): Owner | undefined {
    const tasks = this.#running.get(process);
    const owner = tasks?.get(laneOf(start))?.owner;
    tasks?.delete(laneOf(start));
    return owner;
  }

  /** The process is no more. */
  gone(process: SimulatedWorker): void {
    this.#running.delete(process);
    this.#starts.delete(process);
  }

  #fail({ partition, offset }: Start, text: string): void {
    this.#violations.fail(`${partition}@${offset} ${text}`);
  }
}

function mapIn<Value>(
  maps: Map<SimulatedWorker, Map<string, Value>>,
  process: SimulatedWorker,
): Map<string, Value> {
  let map = maps.get(process);
  if (map === undefined) {
    map = new Map();
    maps.set(process, map);
  }
  return map;
}

function laneOf({ partition, key }: Start): string {
  return `${partition}/${key}`;
}
