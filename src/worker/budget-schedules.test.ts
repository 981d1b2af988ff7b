import fc from 'fast-check';
import { expect, it } from 'vitest';
import { BATCH_BYTES, MOST_PARTS, PART_BYTES, types, ways } from '../../test/support/body-handlers.ts';
import { BudgetWorld, type WorldTask } from '../../test/support/budget-world.ts';

type Step =
  | { readonly kind: 'task'; readonly task: WorldTask }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'worker' | 'stop' | 'break' | 'evict' };

const task = fc.record({
  kind: fc.constant('task' as const),
  task: fc.record({
    type: fc.constantFrom(...types, 'clip', 'clip', 'clip'),
    way: fc.constantFrom(...ways, 'list', 'list', 'list'),
    key: fc.nat(11),
    parts: fc.integer({ min: 1, max: MOST_PARTS }),
    pauseMs: fc.nat(400),
  }),
});
const pass = fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(500) });
const disturbance = fc.record({ kind: fc.constantFrom('worker' as const, 'stop', 'break', 'evict') });
const schedules = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: task },
    { weight: 3, arbitrary: pass },
    { weight: 2, arbitrary: disturbance },
  ),
  { minLength: 20, maxLength: 45, size: 'max' },
);

async function play(world: BudgetWorld, steps: readonly Step[]): Promise<void> {
  await world.startWorker();
  await world.startWorker();
  let breaks = 0;
  for (const step of steps) {
    switch (step.kind) {
      case 'task':
        await world.enqueue(step.task);
        break;
      case 'pass':
        await world.pass(step.ms);
        break;
      case 'worker':
        if (world.workers.length < 3) await world.startWorker();
        break;
      case 'stop':
        world.stopOldest();
        break;
      case 'break':
        // Tasks that three workers broke with would be taken for the cause.
        if (breaks < 2) world.breakNext(breaks === 0 ? 'start' : 'commit');
        breaks += 1;
        break;
      case 'evict':
        world.evictNewest();
    }
  }
}

it('no schedule of reads stalls, memory stays bounded, and all of it is given back when everything has ended', async () => {
  const counts = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(schedules, fc.integer({ min: 40_000, max: 160_000 }), async (steps, budgetBytes) => {
      const world = new BudgetWorld(budgetBytes);
      await play(world, steps);
      const open = await world.openAfter(120_000);
      const isClosed = await world.close();
      const { budget, liveKeys, suspectGate } = world.kafka;
      for (const [what, count] of world.counts) counts.set(what, (counts.get(what) ?? 0) + count);
      expect({
        open,
        isClosed,
        usedBytes: budget.usedBytes,
        keys: liveKeys.size,
        suspects: suspectGate.underWay,
        handling: world.handlers.handling,
      }).toEqual({ open: [], isClosed: true, usedBytes: 0, keys: 0, suspects: 0, handling: 0 });
      // One start goes alone however large, and one attempt or batch goes beyond what there is.
      expect(world.mostSharedBytes).toBeLessThanOrEqual(budgetBytes / 2);
      expect(world.mostBytes).toBeLessThanOrEqual(budgetBytes + MOST_PARTS * PART_BYTES + BATCH_BYTES);
    }),
    { numRuns: 25, endOnFailure: true }, // what stalls takes long
  );
  // A schedule in which nobody waits, and nothing breaks, shows nothing.
  expect(Object.fromEntries(counts)).toMatchObject({
    batch: expect.any(Number),
    break: expect.any(Number),
    'start waits': expect.any(Number),
    'more, with room': expect.any(Number),
    'more, beyond': expect.any(Number),
    'more waits': expect.any(Number),
  });
});
