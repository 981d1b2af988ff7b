import type { Run, Verdict } from '../../src/worker/core/effects.ts';
import type { Scenario } from './scenario.ts';
import { SimulatedWorker } from './simulated-worker.ts';
import { World } from './world.ts';

export interface SimulationResult {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly starts: number;
  readonly reruns: number;
  /** How often each kind of thing happened. */
  readonly counts: Readonly<Record<string, number>>;
  /** How often which event followed which, as `TransitionReport` adds them up. */
  readonly transitions: Uint32Array;
}

/** Runs one schedule to its end: chance decides what happens next, then everything heals and must drain. */
export function simulate(scenario: Scenario, trace?: (line: string) => void): SimulationResult {
  const world = new World(scenario, trace);
  for (let i = 0; i < scenario.workers; i += 1) world.workers.push(new SimulatedWorker(world));
  world.group.assignFree();
  try {
    for (let step = 0; step < scenario.steps && isClean(world); step += 1) stepOnce(world);
    if (isClean(world)) heal(world);
  } catch (error) {
    world.reference.violations.push(
      `the core threw: ${error instanceof Error ? error.stack : String(error)}`,
    );
  }
  const { violations, starts, reruns } = world.reference;
  return {
    seed: scenario.seed,
    violations,
    starts,
    reruns,
    counts: world.counts,
    transitions: world.transitions.counts,
  };
}

function isClean(world: World): boolean {
  return world.reference.violations.length === 0;
}

function stepOnce(world: World): void {
  const { random, scenario, doomed } = world;
  world.doomed = undefined;
  if (doomed?.alive === true && !scenario.killers) crash(world, doomed);
  if (random.chance(scenario.enqueueRate)) {
    enqueue(world);
    return;
  }
  if (random.chance(scenario.operatorRate)) {
    world.operators.act();
    return;
  }
  const dice = random.next();
  if (dice < 0.52) {
    for (let i = 0; i < 3; i += 1) happen(world);
  } else if (dice < 0.69) poll(world);
  else if (dice < 0.86) {
    if (random.chance(scenario.endRate)) endSomeHandler(world);
  } else if (dice < 0.955) pass(world, random.below(40));
  else if (dice < 0.965) world.group.move(random.below(scenario.partitions));
  else if (dice < 0.97) join(world);
  else if (scenario.faults) disturb(world);
}

function enqueue(world: World): void {
  const { random, scenario } = world;
  const key = random.below(scenario.keys);
  // Somebody's transaction ends here: its marker takes an offset.
  if (random.chance(0.03)) world.reference.append(key % scenario.partitions, undefined);
  world.reference.append(key % scenario.partitions, `key-${key}`);
}

/** One of the things under way happens. */
function happen(world: World): void {
  const next = world.random.take(world.pending);
  if (next?.alive() === true) next.run();
}

function poll(world: World): void {
  const worker = world.random.pick(alive(world));
  worker?.tail.poll();
  worker?.sweeps.poll();
}

function alive(world: World): SimulatedWorker[] {
  return world.workers.filter((worker) => worker.alive);
}

function endSomeHandler(world: World): void {
  const all: { worker: SimulatedWorker; run: Run }[] = [];
  for (const worker of alive(world)) for (const run of worker.running) all.push({ worker, run });
  const chosen = world.random.pick(all);
  if (chosen === undefined) return;
  const { worker, run } = chosen;
  if (run.item.key === world.scenario.slowKey && world.random.chance(0.95)) return;
  if (!world.healed && world.isKiller(run.partition.partition, run.item.offset)) {
    world.note(run.partition.partition, 'killed');
    crash(world, worker);
    return;
  }
  worker.endHandler(run, verdictByChance(world, 0.85));
}

/** undefined = the task is done. */
function verdictByChance(world: World, successRate: number): Verdict | undefined {
  const { random, scenario, healed } = world;
  if (random.chance(successRate)) return undefined;
  if (!healed && random.chance(scenario.giveUpRate)) return { kind: 'give-up', error: 'useless' };
  return { kind: 'retry', delayMs: undefined, countAttempt: true, error: 'failed' };
}

function pass(world: World, ms: number): void {
  world.nowMs += ms;
  for (const worker of alive(world)) worker.tick();
}

function join(world: World): void {
  if (alive(world).length >= 4) return;
  world.workers.push(new SimulatedWorker(world));
  world.count('join');
  world.group.move(world.random.below(world.scenario.partitions));
}

function disturb(world: World): void {
  // Who has nothing is no loss.
  const busy = alive(world).filter(({ core }) => core.state.runs.size > 0);
  const worker = world.random.pick(busy) ?? world.random.pick(alive(world));
  if (worker === undefined) return;
  const { killers, overtaking } = world.scenario;
  switch (world.random.below(5)) {
    case 0:
      if (!killers) crash(world, worker);
      return;
    case 1:
      if (!killers || overtaking) expel(world, worker);
      return;
    case 2:
      worker.noteAll('stood still');
      worker.tell((core, at) => core.stoodStill(at));
      return;
    case 3:
      if (!killers || overtaking) forget(world, worker);
      return;
    default:
      pass(world, 300); // longer than a drain
  }
}

function crash(world: World, worker: SimulatedWorker): void {
  worker.noteAll('crashed');
  worker.alive = false;
  world.reference.crashed(worker);
  world.group.takeAll(worker);
  world.workers.push(new SimulatedWorker(world));
  world.group.assignFree();
}

/** The group gives a worker's partitions to others; the worker hears of it some time later, and joins again. */
function expel(world: World, worker: SimulatedWorker): void {
  if (!worker.known) return;
  worker.noteAll('expelled');
  worker.known = false;
  world.group.takeAll(worker);
  if (world.workers.filter((one) => one.alive && one.known).length === 0) {
    world.workers.push(new SimulatedWorker(world));
  }
  world.group.assignFree();
  // Long enough for others to take what it had, and for its handlers to end meanwhile.
  rejoin(world, worker, 4 + world.random.below(world.scenario.overtaking ? 80 : 20));
}

function rejoin(world: World, worker: SimulatedWorker, hops: number): void {
  world.later(
    () => worker.alive,
    () => {
      if (hops > 0) {
        rejoin(world, worker, hops - 1);
        return;
      }
      worker.lose();
      worker.known = true;
      world.group.assignFree();
    },
  );
}

/** The coordinator has forgotten a member, which joins again at once: what it had may come back to it. */
function forget(world: World, any: SimulatedWorker): void {
  // What makes it worth while is a commit that is under way.
  const committing = alive(world).filter(({ known, core }) => known && core.state.commitUnderWay);
  const worker = world.random.pick(committing) ?? any;
  if (!worker.known) return;
  worker.lose();
  world.group.takeAll(worker);
  world.group.assignFree();
}

/** No more faults: whatever is open comes to its end, and then what is parked is redriven. */
function heal(world: World): void {
  world.healed = true;
  // A control record at the end of a log shows only when something follows it.
  for (let key = 0; key < world.scenario.partitions; key += 1) world.reference.append(key, `key-${key}`);
  world.operators.releaseAll();
  drain(world);
  checkEnd(world);
  if (!isClean(world)) return;
  // A redrive that had begun to fail before ends by itself, and is asked for again.
  for (let times = 0; times < 5 && world.operators.redriveAll(); times += 1) drain(world);
  checkEnd(world);
  world.reference.checkNothingParked();
}

function drain(world: World): void {
  world.group.assignFree();
  for (let round = 0; round < 1_500 && isClean(world); round += 1) {
    for (const worker of alive(world)) {
      worker.tail.poll();
      worker.sweeps.poll();
      for (const run of worker.running.slice()) worker.endHandler(run, verdictByChance(world, 0.95));
    }
    for (let i = world.pending.length; i > 0; i -= 1) happen(world);
    world.group.assignFree();
    pass(world, 25);
    if (round > 10 && isDrained(world)) return;
    // What was released and not committed is held again by the next owner.
    if (round % 200 === 199) world.operators.releaseAll();
  }
}

function isDrained(world: World): boolean {
  if (world.pending.length > 0) return false;
  for (let partition = 0; partition < world.scenario.partitions; partition += 1) {
    if (world.committed.get(partition)?.offset !== world.reference.log(partition).length) return false;
    if (world.truth(partition).pending.length > 0) return false;
  }
  return alive(world).every(({ running }) => running.length === 0);
}

function checkEnd(world: World): void {
  world.reference.checkEnd((partition) => world.committed.get(partition)?.offset ?? 0);
  for (const { budget } of alive(world)) {
    if (budget.usedBytes === 0) continue;
    world.reference.violations.push(
      `P11 bounds: ${budget.usedBytes} bytes of the budget were never given back`,
    );
  }
}
