import { expect, it } from 'vitest';
import type { Outcome } from '../faults/scenario.ts';
import { zombie } from '../faults/scenarios/zombie.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const run = (unchecked: boolean): Promise<Outcome> =>
  zombie.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'quick',
    protocol: 'consumer',
    mutant: undefined,
    unchecked,
    keepLogs: false,
    say: () => {},
  });

it('a store that checks the token accepts nothing stale from a worker that stood still', async () => {
  expect((await run(false)).problems).toEqual([]);
});

it('a store that does not check the token is written to by a worker that stood still', async () => {
  const { problems } = await run(true);
  expect(problems.filter((text) => !text.startsWith('fencing'))).toEqual([]);
  expect(problems.length).toBeGreaterThan(0);
});
