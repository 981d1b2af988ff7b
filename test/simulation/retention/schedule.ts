import { type Around, GROUPS, RetentionWorld } from './world.ts';

const ACTIONS = 90;
const MOST_PROCESSES = 2;
const HEALED_MS = 25_000;

export interface Schedule {
  readonly violations: readonly string[];
  readonly counts: RetentionWorld['counts'];
}

/** Chance decides what happens next; then everything heals, and nothing may be lost nor anything be left. */
export async function runSchedule(seed: number, around?: Around): Promise<Schedule> {
  const world = new RetentionWorld(seed, around);
  for (const group of GROUPS) world.spawn(group);
  await world.run(500);
  for (let i = 0; i < ACTIONS && world.violations.length === 0; i += 1) {
    await act(world);
    await world.run(25 * (1 + world.random.below(8)));
  }
  if (world.violations.length === 0) await heal(world);
  await world.end();
  return world;
}

async function act(world: RetentionWorld): Promise<void> {
  const { random, counts } = world;
  const group = random.pick(GROUPS) ?? 'a';
  const one = random.pick(world.of(group));
  const dice = random.next();
  if (dice < 0.5) {
    for (let i = random.below(4); i >= 0; i -= 1) world.enqueue();
  } else if (dice < 0.65) {
    if (world.of(group).length < MOST_PROCESSES) world.spawn(group);
  } else if (dice < 0.71) {
    one?.stop();
  } else if (dice < 0.77) {
    counts.crashes += 1;
    one?.crash();
  } else if (dice < 0.83) {
    counts.freezes += 1;
    one?.freeze();
  } else if (dice < 0.92) {
    for (const process of world.of(group)) process.thaw();
  } else if (dice < 0.95) {
    one?.evict();
  } else {
    await world.setBack(group);
  }
}

async function heal(world: RetentionWorld): Promise<void> {
  for (const group of GROUPS) {
    for (const process of world.of(group)) process.thaw();
    // Whoever stops does so first.
    await world.runUntil(() => world.of(group).every(({ state }) => state === 'running'), 10_000);
    if (world.of(group).length === 0) world.spawn(group);
  }
  await world.runUntil(() => world.violations.length > 0, 1_000);
  await world.runUntil(() => world.isEmpty || world.violations.length > 0, HEALED_MS);
  world.checkEnd();
}
