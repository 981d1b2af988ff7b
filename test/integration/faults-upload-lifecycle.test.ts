import { expect, it } from 'vitest';
import { uploadLifecycle } from '../faults/scenarios/upload-lifecycle.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('parts are there for as long as a task may need them, and gone soon after', async () => {
  const outcome = await uploadLifecycle.run({
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
