import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkEvents } from './check-history.ts';
import { correctHistory } from './correct-history.ts';
import type { LogEvent } from './events.ts';
import { mutations } from './mutations.ts';
import { SeededRandom } from './seeded-random.ts';

const histories = fc.record({
  seed: fc.nat(),
  steps: fc.integer({ min: 150, max: 900 }),
  partitions: fc.integer({ min: 1, max: 5 }),
  keys: fc.integer({ min: 2, max: 12 }),
});

const check = (events: readonly LogEvent[]) => checkEvents(events, { laneOf: (key) => key });

describe('the checker', () => {
  it('finds nothing in faultless histories, whatever crashes and rebalances they hold', () => {
    const totals = { kills: 0, reruns: 0, finished: 0 };
    fc.assert(
      fc.property(histories, (options) => {
        const report = check(correctHistory(options));
        expect(report.violations).toEqual([]);
        totals.kills += report.figures.kills;
        totals.reruns += report.figures.reruns;
        totals.finished += report.figures.finished;
      }),
      { numRuns: 100, seed: 1 },
    );
    expect(totals.kills).toBeGreaterThan(100);
    expect(totals.reruns).toBeGreaterThan(100);
    expect(totals.finished).toBeGreaterThan(2_000);
  });

  it('does not depend on the order in which the files of the processes are read', () => {
    const events = correctHistory({ seed: 5, steps: 400, partitions: 3, keys: 6 });
    const byProcess = [...new Set(events.map((e) => e.process))].flatMap((p) =>
      events.filter((e) => e.process === p),
    );
    expect(check(byProcess)).toEqual(check(events));
  });

  it.each(mutations)('catches: $name', (mutation) => {
    let made = 0;
    for (const options of fc.sample(histories, { numRuns: 40, seed: 7 })) {
      const random = new SeededRandom(options.seed + 1);
      const mutated = mutation.apply(correctHistory(options), (places) => random.pick(places));
      if (mutated === undefined) continue;
      made += 1;
      const found = check(mutated).violations.map((v) => v.property);
      expect(found, `${mutation.name} in history ${JSON.stringify(options)}`).toContain(mutation.breaks);
    }
    expect(made).toBeGreaterThan(10);
  });
});
