import type { CoreState, TypeState } from './core-state.ts';
import { dropIfUnwanted } from './flow.ts';
import type { Item, Lane } from './lane.ts';
import type { PartitionState } from './partition-state.ts';
import { advanceLane, moveLane } from './scheduling.ts';
import type { Reservation } from './shared-budget.ts';

interface Waiting {
  readonly lane: Lane;
  readonly partition: PartitionState;
  readonly type: TypeState;
  readonly bytes: number;
  /** Who came first. */
  readonly seq: number;
}

interface Kept {
  readonly partition: PartitionState;
  readonly reservation: Reservation;
}

/** Lanes of one weight that wait for memory, by type: those of a type at its limit keep their places and let others by. */
class MemoryLine {
  /** Whoever has asked and was told to wait. */
  refused: Lane | undefined;
  readonly #byType = new Map<TypeState, Map<Lane, Waiting>>();
  #seq = 0;

  get isEmpty(): boolean {
    return this.#byType.size === 0;
  }

  /** A lane that waits already keeps its place. */
  wait(what: Omit<Waiting, 'seq'>): void {
    const waiting = this.#byType.get(what.type) ?? new Map<Lane, Waiting>();
    this.#byType.set(what.type, waiting);
    const seq = waiting.get(what.lane)?.seq ?? this.#seq++;
    waiting.set(what.lane, { ...what, seq });
  }

  remove({ type, lane }: Waiting): void {
    const waiting = this.#byType.get(type);
    waiting?.delete(lane);
    if (waiting?.size === 0) this.#byType.delete(type);
  }

  /** Whoever came first, of the types that may start one more. */
  next(core: CoreState): Waiting | undefined {
    let next: Waiting | undefined;
    for (const [type, waiting] of this.#byType) {
      const first = this.#firstOf(waiting);
      if (first === undefined) this.#byType.delete(type);
      else if (first.seq < (next?.seq ?? Number.POSITIVE_INFINITY) && mayStartOneMore(core, type))
        next = first;
    }
    return next;
  }

  /** An entry whose lane has moved on since is stale. */
  #firstOf(waiting: Map<Lane, Waiting>): Waiting | undefined {
    for (const [lane, first] of waiting) {
      if (lane.state === 'gated' && first.partition.phase === 'running') return first;
      waiting.delete(lane);
    }
    return undefined;
  }
}

function mayStartOneMore(core: CoreState, { limit, runningCount }: TypeState): boolean {
  return limit === undefined || limit.free(runningCount, core.nowMs) > 0;
}

/** Who waits for memory for its content, and who has it and is about to start. */
export class MemoryGate {
  readonly heavy = new MemoryLine();
  readonly light = new MemoryLine();
  /** Memory of lanes whose turn has come: kept until they start, or have something else to wait for. */
  readonly kept = new Map<Lane, Kept>();
  /** When records were last let go for those that wait. */
  madeRoomAtMs = 0;

  /** Its record is not let go to make room for it: it would have to be read again at once. */
  isNext(lane: Lane): boolean {
    return lane.state === 'gated' && (this.heavy.refused === lane || this.light.refused === lane);
  }
}

/** Whether a lane's first task has memory for its content. If not it waits, and takes neither a slot nor its type's place. */
export function hasMemory(core: CoreState, partition: PartitionState, lane: Lane, item: Item): boolean {
  const bytes = core.config.contentBytes?.(item) ?? 0;
  const { memory, budget } = core;
  const kept = memory.kept.get(lane);
  if (kept?.reservation.bytes === bytes) return true;
  if (kept !== undefined) giveBackKept(core, lane, kept); // another task than the one that waited
  if (bytes === 0) return true;
  const line = budget.isLight(bytes) ? memory.light : memory.heavy;
  let reservation: Reservation | undefined;
  if (core.suspectGate.closed)
    reservation = budget.reserveAnyway(bytes); // it runs alone in the process
  else if (line.isEmpty) reservation = budget.reserve(line, bytes, core.nowMs);
  if (reservation !== undefined) {
    memory.kept.set(lane, { partition, reservation });
    return true;
  }
  moveLane(core, partition, lane, 'gated');
  line.wait({ lane, partition, type: core.type(item.type), bytes });
  dropIfUnwanted(core, partition, lane);
  return false;
}

/** The lane starts: from here on the memory is its run's. */
export function takeMemory(core: CoreState, lane: Lane): Reservation | undefined {
  const kept = core.memory.kept.get(lane);
  core.memory.kept.delete(lane);
  return kept?.reservation;
}

/** Memory that was kept for lanes which have something else to wait for now goes to others. */
export function giveBackUnused(core: CoreState): void {
  for (const [lane, kept] of core.memory.kept) {
    if (!isOnItsWay(lane, kept.partition)) giveBackKept(core, lane, kept);
  }
}

/** This worker waits for memory no more, and nobody for it: neither for records nor for contents. */
export function leaveLines(core: Readonly<CoreState>): void {
  for (const who of [core, core.memory.heavy, core.memory.light]) core.budget.withdraw(who);
}

function giveBackKept(core: CoreState, lane: Lane, { reservation }: Kept): void {
  core.memory.kept.delete(lane);
  core.budget.giveBack(reservation);
}

/**
 * A full partition waits for some of its keys, and those may wait for what was kept here: what cannot start because of
 * that must not keep anything.
 */
export function isOnItsWay(lane: Lane, partition: PartitionState): boolean {
  if (partition.phase !== 'running' || (partition.full && !lane.aside)) return false;
  return lane.state === 'ready' || lane.state === 'fetching' || lane.state === 'vetting';
}

/** Calls those who have waited longest for memory, as far as there is some. True when anybody was called. */
export function callForMemory(core: CoreState): boolean {
  const { light, heavy } = core.memory;
  const anyLight = callFrom(core, light);
  return callFrom(core, heavy) || anyLight;
}

/** Whether one more that is called could start: memory is of the process, and other workers may have slots. */
function hasSlotFor({ config, runs, memory }: CoreState): boolean {
  return runs.size + memory.kept.size < config.concurrency;
}

function callFrom(core: CoreState, line: MemoryLine): boolean {
  let any = false;
  while (!line.isEmpty) {
    const next = hasSlotFor(core) ? line.next(core) : undefined;
    if (next === undefined) {
      core.budget.withdraw(line); // those of other workers need not wait for it
      break;
    }
    const { lane, partition, type, bytes } = next;
    const reservation = core.budget.reserve(line, bytes, core.nowMs);
    line.refused = reservation === undefined ? lane : undefined;
    if (reservation === undefined) break;
    line.remove(next);
    core.memory.kept.set(lane, { partition, reservation });
    type.limit?.called.set(lane, partition);
    any = true;
    advanceLane(core, partition, lane);
  }
  return any;
}
