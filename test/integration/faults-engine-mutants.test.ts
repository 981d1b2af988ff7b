import { expect, it, vi } from 'vitest';
import type { EngineMutant } from '../faults/engine-mutants.ts';
import type { Outcome } from '../faults/scenario.ts';
import { workerKill } from '../faults/scenarios/worker-kill.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

// Each run has a queue, a group and processes of its own, and waits for most of its time.
vi.setConfig({ maxConcurrency: 2 });

const run = (mutant: EngineMutant | undefined): Promise<Outcome> =>
  workerKill.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'tiny',
    protocol: 'classic',
    mutant,
    keepLogs: false,
    say: () => {},
  });

it.concurrent('a run with the engine as it is is good', async () => {
  expect((await run(undefined)).problems).toEqual([]);
});

it.concurrent.each([
  ['commit-plus-one', 'P6 commit'],
  ['drop-one', 'P1 lost'],
  ['swap-two', 'P4 order'],
  ['two-at-once', 'P5 overlap'],
  ['ignored-revoke', 'P7 epoch'],
] as const)('a run with the engine mutant %s is bad: %s', async (mutant, property) => {
  const { report } = await run(mutant);
  expect(report?.violations.map((v) => v.property)).toContain(property);
});
