import { expect, it } from 'vitest';
import { heldMemory } from '../faults/scenarios/held-memory.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('what waits behind a held key is read again once, when the key is released, and in order', async () => {
  const outcome = await heldMemory.run({
    seed: 1,
    brokers: kafkaBrokers(),
    cluster: undefined,
    size: 'tiny',
    protocol: 'consumer',
    mutant: undefined,
    keepLogs: false,
    say: () => {},
  });
  expect(outcome.problems).toEqual([]);
});
