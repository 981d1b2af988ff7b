import { expect, it } from 'vitest';
import { poisonTask } from '../faults/scenarios/poison.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('a poisoned key is parked whole and redriven in order while new tasks of it arrive', async () => {
  const outcome = await poisonTask.run({
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
