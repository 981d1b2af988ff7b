import { describe, expect, it } from 'vitest';
import { type Mutant, mutants } from './mutant-list.ts';
import { scenarioOf } from './scenario.ts';
import { simulate } from './simulate.ts';
import { type SimulatedEvent, TransitionReport } from './transitions.ts';

const RUNS = 520;
/** Much longer than it takes, for machines that have much else to do. */
const TIMEOUT_MS = 600_000;

/** What must have followed what, or the schedules have left out what they are there for. */
const mustBeSeen: readonly (readonly [SimulatedEvent, SimulatedEvent])[] = [
  ['assigned', 'lost'],
  ['assigned', 'revoked'],
  ['claimed', 'revoked'],
  ['inspected', 'revoked'],
  ['confirmed', 'revoked'],
  ['commit sent', 'crashed'],
  ['commit sent', 'expelled'],
  ['commit sent', 'lost'],
  ['commit sent', 'revoked'],
  ['commit sent', 'stood still'],
  ['commit acked', 'crashed'],
  ['commit acked', 'lost'],
  ['commit unheard', 'ticked'],
  ['commit refused', 'ticked'],
  ['started', 'crashed'],
  ['started', 'lost'],
  ['started', 'expelled'],
  ['started', 'revoked'],
  ['finished', 'crashed'],
  ['finished', 'lost'],
  ['finished', 'revoked'],
  ['finished', 'commit sent'],
  ['failed', 'revoked'],
  ['lost', 'late end'],
  ['lost', 'late commit answer'],
  ['lost', 'assigned'],
  ['lost', 'late parking answer'],
  ['released', 'assigned'],
  ['records', 'revoked'],
  ['records', 'record missed'],
  ['revoked', 'late records'],
  ['gap checked', 'records'],
  ['swept', 'started'],
  ['paused', 'finished'],
  ['mark failed', 'ticked'],
  ['part copied', 'revoked'],
  ['part copied', 'lost'],
  ['part copied', 'copy failed'],
  ['part copied', 'copied'],
  ['part copied', 'copy left'],
  ['copied', 'revoked'],
  ['copied', 'lost'],
  ['copy failed', 'ticked'],
  ['copied', 'commit sent'],
  ['written', 'revoked'],
  ['written', 'lost'],
  ['write failed', 'ticked'],
  ['parked read', 'started'],
  ['redrive began', 'heard command'],
  ['redriven', 'started'],
  ['parked', 'heard command'],
  ['parked', 'revoked'],
  ['parked discarded', 'started'],
  ['heard command', 'marked'],
  ['killed', 'crashed'],
  ['condemned', 'copied'],
  ['crashed', 'assigned'],
  ['moved', 'commit sent'],
  ['moved', 'started'],
  ['moved', 'revoked'],
  ['moved', 'crashed'],
  ['moved', 'expelled'],
  ['move failed', 'ticked'],
  ['stopping', 'revoked'],
  ['stopping', 'finished'],
  ['stopping', 'commit acked'],
  ['stopping', 'crashed'],
  ['stopping', 'lost'],
  ['stopping', 'expelled'],
  ['records deleted', 'inspected'],
  ['halted', 'heard command'],
  ['halted', 'revoked'],
  ['halted', 'crashed'],
  ['loss accepted', 'commit sent'],
  ['down', 'failed'],
  ['down', 'ticked'],
  ['up', 'started'],
];

describe('the worker core under simulation', () => {
  const report = new TransitionReport();

  it(
    `keeps order and loses nothing through ${RUNS} seeded schedules`,
    () => {
      for (let seed = 1; seed <= RUNS; seed += 1) {
        const result = simulate(scenarioOf(seed));
        expect(result.violations, `npm run simulate -- --runs 1 --seed ${seed}`).toEqual([]);
        report.add(result.transitions);
      }
    },
    TIMEOUT_MS,
  );

  it('has seen one thing follow another wherever that has bitten somebody', () => {
    expect(mustBeSeen.filter(([from, to]) => report.count(from, to) === 0)).toEqual([]);
  });

  it('repeats a schedule exactly from its seed', () => {
    expect(simulate(scenarioOf(17))).toEqual(simulate(scenarioOf(17)));
  });

  it.each(mutants.filter((mutant) => mutant !== 'none'))(
    'notices the broken engine %s',
    (mutant: Mutant) => {
      expect(firstCaught(mutant)).toBeLessThanOrEqual(1_000);
    },
    TIMEOUT_MS,
  );
});

/** How many schedules it takes until one shows that the engine is broken. */
function firstCaught(mutant: Mutant): number {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    if (simulate(scenarioOf(seed, mutant)).violations.length > 0) return seed;
  }
  return Number.POSITIVE_INFINITY;
}
