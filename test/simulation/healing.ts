import { verdictByChance } from './steps.ts';
import { PLAIN } from './task-types.ts';
import type { World } from './world.ts';

/** No more faults: whatever is open comes to its end, and then what is parked is redriven. */
export function heal(world: World): void {
  world.healed = true;
  world.failing.clear();
  // A control record at the end of a log shows only when something follows it.
  for (let key = 0; key < world.scenario.partitions; key += 1)
    world.reference.append(key, { key: `key-${key}`, type: PLAIN });
  world.operators.releaseAll();
  world.operators.acceptAll();
  drain(world);
  checkEnd(world);
  if (!world.isClean) return;
  // A redrive that had begun to fail before ends by itself, and is asked for again.
  for (let times = 0; times < 5 && world.operators.redriveAll(); times += 1) drain(world);
  checkEnd(world);
  world.reference.checkNothingParked();
}

function drain(world: World): void {
  world.group.assignFree();
  for (let round = 0; round < 6_000 && world.isClean; round += 1) {
    for (const worker of world.living()) {
      worker.tail.poll();
      worker.sweeps.poll();
      for (const run of worker.running.slice()) worker.endHandler(run, verdictByChance(world, 0.95));
    }
    for (let i = world.pending.length; i > 0; i -= 1) world.happen();
    world.group.assignFree();
    world.pass(25);
    if (world.scenario.longPauses > 0 && round % 20 === 19) world.passQuarterOfAnHour();
    if (round > 10 && isDrained(world)) return;
    // What was released and not committed is held again by the next owner.
    if (round % 200 !== 199) continue;
    world.operators.releaseAll();
    world.operators.acceptAll(); // what was noticed only now
  }
}

function isDrained(world: World): boolean {
  if (world.pending.length > 0) return false;
  for (let partition = 0; partition < world.scenario.partitions; partition += 1) {
    if (world.committed.get(partition)?.offset !== world.reference.log(partition).length) return false;
    if (world.truth(partition).pending.length > 0) return false;
  }
  return world.living().every(({ running }) => running.length === 0);
}

function checkEnd(world: World): void {
  world.reference.checkEnd((partition) => world.committedByOwners(partition));
  for (const { budget } of world.living()) {
    if (budget.usedBytes === 0) continue;
    world.reference.fail(`P11 bounds: ${budget.usedBytes} bytes of the budget were never given back`);
  }
}
