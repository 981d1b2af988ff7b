import { expect, it } from 'vitest';
import { outage } from '../faults/scenarios/outage.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('while what all handlers depend on is down nothing is given up, and it is hardly asked', async () => {
  const outcome = await outage.run({
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
