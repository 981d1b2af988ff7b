import type { Run } from '../../src/worker/core/effects.ts';
import { EMPTY } from './reference.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { type Mutant, type Scenario, World } from './world.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly starts: number;
  readonly reruns: number;
  /** How often each kind of thing happened. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A scenario that follows from its seed alone. */
export function scenarioOf(seed: number, mutant: Mutant = 'none'): Scenario {
  const mix = Math.imul(seed ^ 0x5bd1e995, 0x9e3779b1) >>> 0;
  return {
    seed,
    partitions: 1 + (mix % 3),
    keys: 2 + ((mix >>> 3) % 7),
    steps: 400 + ((mix >>> 6) % 400),
    workers: 1 + ((mix >>> 10) % 3),
    budgetBytes: [600, 1_500, 100_000][(mix >>> 12) % 3] ?? 600,
    concurrency: 1 + ((mix >>> 14) % 6),
    faults: (mix >>> 17) % 4 !== 0,
    mutant,
  };
}

/** Runs one schedule to its end: chance decides what happens next, then everything heals and must drain. */
export function simulate(scenario: Scenario): SimulationResult {
  const world = new World(scenario);
  for (let i = 0; i < scenario.workers; i += 1) world.workers.push(new SimulatedWorker(world));
  world.assignFree();
  try {
    for (let step = 0; step < scenario.steps; step += 1) stepOnce(world);
    heal(world);
    checkEnd(world);
  } catch (error) {
    world.reference.violations.push(
      `the core threw: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }
  const { violations, starts, reruns } = world.reference;
  return { seed: scenario.seed, violations, starts, reruns, counts: world.counts };
}

function stepOnce(world: World): void {
  const { random, scenario } = world;
  const dice = random.next();
  if (dice < 0.18) enqueue(world);
  else if (dice < 0.5) happen(world);
  else if (dice < 0.68) poll(world);
  else if (dice < 0.86) endSomeHandler(world, 0.85);
  else if (dice < 0.93) pass(world, random.below(40));
  else if (dice < 0.96) world.move(random.below(scenario.partitions));
  else if (dice < 0.97) join(world);
  else if (scenario.faults) disturb(world);
}

function enqueue(world: World): void {
  const { random, scenario } = world;
  const key = random.below(scenario.keys);
  if (random.chance(0.03)) world.reference.append(key % scenario.partitions, EMPTY);
  world.reference.append(key % scenario.partitions, `key-${key}`);
}

/** One of the things under way happens. */
function happen(world: World): void {
  const next = world.random.take(world.pending);
  if (next?.alive() === true) next.run();
}

function poll(world: World): void {
  const worker = world.random.take(world.workers.filter((one) => one.alive));
  if (worker === undefined) return;
  const tail = world.random.take([...worker.tails.values()]);
  if (tail !== undefined) worker.poll(tail);
  const sweep = world.random.take([...worker.sweeps.values()]);
  if (sweep !== undefined) worker.pollSweep(sweep);
}

function endSomeHandler(world: World, successRate: number): void {
  const all: { worker: SimulatedWorker; run: Run }[] = [];
  for (const worker of world.workers) {
    if (worker.alive) for (const run of worker.running) all.push({ worker, run });
  }
  const chosen = world.random.take(all);
  if (chosen !== undefined) chosen.worker.endHandler(chosen.run, world.random.chance(successRate));
}

function pass(world: World, ms: number): void {
  world.nowMs += ms;
  for (const worker of world.workers) if (worker.alive) worker.tell((core, at) => core.tick(at));
}

function join(world: World): void {
  if (world.workers.filter((worker) => worker.alive).length >= 4) return;
  world.workers.push(new SimulatedWorker(world));
  world.count('join');
  world.move(world.random.below(world.scenario.partitions));
}

function disturb(world: World): void {
  const worker = world.random.take(world.workers.filter((one) => one.alive));
  if (worker === undefined) return;
  switch (world.random.below(4)) {
    case 0:
      crash(world, worker);
      return;
    case 1:
      zombify(world, worker);
      return;
    case 2:
      world.count('stood still');
      worker.tell((core, at) => core.stoodStill(at));
      return;
    default:
      pass(world, 300); // longer than a drain
  }
}

function crash(world: World, worker: SimulatedWorker): void {
  world.count('crash');
  worker.alive = false;
  world.reference.crashed(worker);
  world.expel(worker);
  world.workers.push(new SimulatedWorker(world));
  world.assignFree();
}

/** The group gives a worker's partitions to others; the worker hears of it some time later, and joins again. */
function zombify(world: World, worker: SimulatedWorker): void {
  if (!worker.known) return;
  world.count('expelled');
  world.expel(worker);
  if (world.workers.filter((one) => one.alive && one.known).length === 0) {
    world.workers.push(new SimulatedWorker(world));
  }
  world.assignFree();
  rejoin(world, worker);
}

function rejoin(world: World, worker: SimulatedWorker, hops = 8): void {
  world.later(
    () => worker.alive,
    () => {
      // Long enough for others to take what it had, and for its handlers to end meanwhile.
      if (hops > 0) {
        rejoin(world, worker, hops - 1);
        return;
      }
      worker.tell((core, at) => core.lost(at, [...core.state.partitions.keys()]));
      worker.known = true;
      world.assignFree();
    },
  );
}

/** No more faults: whatever is open comes to its end. */
function heal(world: World): void {
  world.healed = true;
  world.assignFree();
  for (let round = 0; round < 4_000; round += 1) {
    for (const worker of world.workers) {
      if (!worker.alive) continue;
      for (const tail of worker.tails.values()) worker.poll(tail);
      for (const sweep of worker.sweeps.values()) worker.pollSweep(sweep);
      for (const run of worker.running.slice()) worker.endHandler(run, world.random.chance(0.95));
    }
    for (let i = world.pending.length; i > 0; i -= 1) happen(world);
    world.assignFree();
    pass(world, 25);
    if (round > 40 && isDrained(world)) return;
  }
}

function isDrained(world: World): boolean {
  if (world.pending.length > 0) return false;
  for (const [partition, log] of world.reference.logs) {
    if (world.committed.get(partition)?.offset !== log.length) return false;
  }
  return world.workers.every((worker) => !worker.alive || worker.running.length === 0);
}

function checkEnd(world: World): void {
  world.reference.checkEnd();
  for (const worker of world.workers) {
    if (!worker.alive || worker.budget.usedBytes === 0) continue;
    world.reference.violations.push(
      `P11 bounds: ${worker.budget.usedBytes} bytes of the budget were never given back`,
    );
  }
  const { starts, reruns } = world.reference;
  const undisturbed = !world.scenario.faults && world.scenario.mutant === 'none';
  if (undisturbed && reruns > 0 && (world.counts['report drain-expired'] ?? 0) === 0) {
    world.reference.violations.push(
      `P8 duplicates: ${reruns} of ${starts} starts were re-runs although nothing failed`,
    );
  }
}
