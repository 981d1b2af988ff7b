import { expect, it } from 'vitest';
import { deploy } from '../faults/scenarios/deploy.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('workers that are replaced one after the other under load run nothing twice', async () => {
  const outcome = await deploy.run({
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
});
