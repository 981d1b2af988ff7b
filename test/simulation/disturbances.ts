import { SimulatedWorker } from './simulated-worker.ts';
import type { World } from './world.ts';

export function join(world: World): void {
  if (world.living().length >= 4) return;
  world.workers.push(new SimulatedWorker(world));
  world.count('join');
  world.group.move(world.random.below(world.scenario.partitions));
}

/** A worker is told to stop; as a rule there is another by then. */
export function stop(world: World): void {
  const worker = world.random.pick(world.living().filter(({ stopping }) => !stopping));
  if (worker === undefined) return;
  if (world.random.chance(0.7)) world.workers.push(new SimulatedWorker(world));
  worker.stop();
  ensureMember(world);
  world.group.assignFree();
}

function ensureMember(world: World): void {
  if (world.living().some(({ known, stopping }) => known && !stopping)) return;
  world.workers.push(new SimulatedWorker(world));
}

export function disturb(world: World): void {
  // Who has nothing is no loss.
  const busy = world.living().filter(({ core }) => core.state.runs.size > 0);
  const worker = world.random.pick(busy) ?? world.random.pick(world.living());
  if (worker === undefined) return;
  const { killers, overtaking, onlyExpels } = world.scenario;
  if (onlyExpels) {
    expel(world, worker);
    return;
  }
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
      world.pass(300); // longer than a drain
  }
}

export function crash(world: World, worker: SimulatedWorker): void {
  worker.noteAll('crashed');
  worker.alive = false;
  world.reference.gone(worker);
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
  ensureMember(world);
  world.group.assignFree();
  // Long enough for others to take what it had, and for its handlers to end meanwhile.
  const { overtaking, onlyExpels } = world.scenario;
  rejoin(world, worker, 4 + world.random.below(overtaking || onlyExpels ? 80 : 20));
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
      if (worker.stopping) worker.left();
      world.group.assignFree();
    },
  );
}

/** The coordinator has forgotten a member, which joins again at once: what it had may come back to it. */
function forget(world: World, any: SimulatedWorker): void {
  // What makes it worth while is a commit that is under way.
  const committing = world.living().filter(({ known, core }) => known && core.state.commitUnderWay);
  const worker = world.random.pick(committing) ?? any;
  if (!worker.known) return;
  worker.lose();
  world.group.takeAll(worker);
  if (worker.stopping) worker.left();
  world.group.assignFree();
}
