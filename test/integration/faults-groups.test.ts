import { expect, it } from 'vitest';
import { groups } from '../faults/scenarios/groups.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('a second group on the queue notices nothing of what the first one parks and redrives', async () => {
  const outcome = await groups.run({
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
