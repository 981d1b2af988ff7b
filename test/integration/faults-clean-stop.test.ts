import { expect, it } from 'vitest';
import { cleanStop } from '../faults/scenarios/clean-stop.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('workers stopped and started again under load run nothing twice but what their drain had to abort', async () => {
  const outcome = await cleanStop.run({
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
