import { expect, it } from 'vitest';
import { crashLoop } from '../faults/scenarios/crash-loop.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('a task that ends its process is parked after three crashes, and no other task is', async () => {
  const outcome = await crashLoop.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'quick',
    protocol: 'consumer',
    mutant: undefined,
    keepLogs: false,
    say: () => {},
  });
  expect(outcome.problems).toEqual([]);
});
