import { expect, it } from 'vitest';
import { largeTasks } from '../faults/scenarios/large-tasks.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('large bodies go from one process with little memory to another as they were given', async () => {
  const outcome = await largeTasks.run({
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
