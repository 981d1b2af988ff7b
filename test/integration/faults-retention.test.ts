import { expect, it } from 'vitest';
import { retention } from '../faults/scenarios/retention.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('what both groups have finished goes, and nothing else, over kills, rebalances and offsets set back', async () => {
  const outcome = await retention.run({
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
