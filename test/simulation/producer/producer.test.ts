import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ProducerCore } from '../../../src/producer/core/producer-core.ts';
import { schedules } from './actions.ts';
import { config, World } from './world.ts';

it('keeps order, honesty and bounds over random schedules', () => {
  let confirmed = 0;
  let failed = 0;
  fc.assert(
    fc.property(schedules, (actions) => {
      const world = new World(new ProducerCore(config));
      world.run(actions);
      for (const { answers } of world.tasks) {
        if (answers[0]?.kind === 'resolved') confirmed += 1;
        else failed += 1;
      }
      expect(world.violations).toEqual([]);
    }),
    { numRuns: 3_000 },
  );
  // A run that exercised nothing proves nothing.
  expect(confirmed).toBeGreaterThan(10_000);
  expect(failed).toBeGreaterThan(5_000);
});
