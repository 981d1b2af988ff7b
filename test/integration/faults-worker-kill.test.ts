import { expect, it } from 'vitest';
import { workerKill } from '../faults/scenarios/worker-kill.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('workers that are killed under load and in a rebalance lose nothing, reorder nothing and repeat little', async () => {
  const outcome = await workerKill.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'quick',
    protocol: 'classic',
    mutant: undefined,
    keepLogs: false,
    say: () => {},
  });
  expect(outcome.problems).toEqual([]);
  expect(outcome.report?.figures.reruns).toBeGreaterThan(0);
});
