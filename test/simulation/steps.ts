import type { Run, Verdict } from '../../src/worker/core/effects.ts';
import { crash, disturb, join, stop } from './disturbances.ts';
import { startOf } from './run-views.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import { type SimulatedType, typeNamed } from './task-types.ts';
import type { World } from './world.ts';

export function stepOnce(world: World): void {
  const { random, scenario, doomed } = world;
  world.doomed = undefined;
  if (doomed?.alive === true && !scenario.killers) crash(world, doomed);
  if (random.chance(scenario.enqueueRate)) {
    enqueue(world);
    return;
  }
  if (scenario.lossRate > 0) {
    if (random.chance(scenario.lossRate)) world.losses.happen();
    if (random.chance(0.02)) world.operators.acceptSome();
  }
  if (random.chance(scenario.operatorRate)) {
    world.operators.act();
    return;
  }
  if (scenario.longPauses > 0 && random.chance(scenario.longPauses)) {
    world.passQuarterOfAnHour();
    return;
  }
  if (scenario.stopRate > 0 && random.chance(scenario.stopRate)) {
    stop(world);
    return;
  }
  if (scenario.outageRate > 0) changeOutages(world);
  const dice = random.next();
  if (dice < 0.52) {
    for (let i = 0; i < 3; i += 1) world.happen();
  } else if (dice < 0.69) poll(world);
  else if (dice < 0.86) {
    if (random.chance(scenario.endRate)) endSomeHandler(world);
  } else if (dice < 0.955) world.pass(random.below(40));
  else if (dice < 0.965) world.group.move(random.below(scenario.partitions));
  else if (dice < 0.97) join(world);
  else if (scenario.faults) disturb(world);
}

/** What the handlers of a type need goes down, or comes back. */
function changeOutages({ random, scenario, failing }: World): void {
  if (random.chance(scenario.outageRate)) {
    const one = random.pick(scenario.types);
    const types = one === undefined || random.chance(0.5) ? scenario.types : [one];
    for (const { name } of types) failing.add(name);
  }
  for (const type of failing) if (random.chance(0.007)) failing.delete(type);
}

/** How long tasks that need no order are delayed, milliseconds. */
const delaysMs = [undefined, 15, 120, 1_200_000, 3_000_000] as const;

function enqueue(world: World): void {
  const { random, scenario, reference } = world;
  const key = random.below(scenario.keys);
  const partition = key % scenario.partitions;
  // Somebody's transaction ends here: its marker takes an offset.
  if (random.chance(0.03)) reference.append(partition, undefined);
  const type = scenario.types.length === 1 ? scenario.types[0] : random.pick(scenario.types);
  if (type === undefined) return;
  if (!type.unordered) {
    reference.append(partition, { key: `key-${key}`, type: recordedName(world, type) });
    return;
  }
  const delayMs = random.pick(delaysMs);
  const notBeforeMs = delayMs === undefined ? undefined : world.nowMs + delayMs;
  reference.append(partition, { key: `alone-${world.nextAlone}`, type: type.name, notBeforeMs });
  world.nextAlone += 1;
}

function recordedName({ random }: World, { recorded, name }: SimulatedType): string {
  return (recorded.length === 1 ? name : random.pick(recorded)) ?? name;
}

function poll(world: World): void {
  const worker = world.random.pick(world.living());
  worker?.tail.poll();
  worker?.sweeps.poll();
}

function endSomeHandler(world: World): void {
  const all: { worker: SimulatedWorker; run: Run }[] = [];
  for (const worker of world.living()) for (const run of worker.running) all.push({ worker, run });
  const chosen = world.random.pick(all);
  if (chosen === undefined) return;
  const { worker, run } = chosen;
  if (run.item.key === world.scenario.slowKey && world.random.chance(0.95)) return;
  if (!world.healed && world.isKiller(run.partition.partition, run.item.offset)) {
    world.note(run.partition.partition, 'killed');
    world.reference.endedProcess(startOf(run));
    crash(world, worker);
    return;
  }
  worker.endHandler(run, isFailing(world, run) ? failure : verdictByChance(world, 0.85));
}

function isFailing({ failing, scenario }: World, { item }: Run): boolean {
  return failing.size > 0 && failing.has(typeNamed(scenario.types, item.type).name);
}

const failure: Verdict = { kind: 'retry', delayMs: undefined, countAttempt: true, error: 'failed' };

/** undefined = the task is done. */
export function verdictByChance(world: World, successRate: number): Verdict | undefined {
  const { random, scenario, healed } = world;
  if (random.chance(successRate)) return undefined;
  if (!healed && random.chance(scenario.giveUpRate)) return { kind: 'give-up', error: 'useless' };
  return failure;
}
