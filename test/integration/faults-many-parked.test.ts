import { expect, it } from 'vitest';
import { manyParked } from '../faults/scenarios/many-parked.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('a new owner of partitions with many parked keys works, and each key stays parked once', async () => {
  const outcome = await manyParked.run({
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
