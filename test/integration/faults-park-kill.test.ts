import { expect, it } from 'vitest';
import { parkKill } from '../faults/scenarios/park-kill.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('a worker killed while it parks, copies or redrives leaves the key whole and in order to its successor', async () => {
  const outcome = await parkKill.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'tiny',
    protocol: 'classic',
    mutant: undefined,
    keepLogs: false,
    say: () => {},
  });
  expect(outcome.problems).toEqual([]);
});
