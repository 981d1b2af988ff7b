import { expect, it } from 'vitest';
import { tornUploads } from '../faults/scenarios/torn-uploads.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

it('what a killed producer was uploading never reaches a handler, and its keys go on', async () => {
  const outcome = await tornUploads.run({
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
