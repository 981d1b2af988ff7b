import { expect, it } from 'vitest';
import type { ScenarioOptions } from '../faults/scenario.ts';
import { largeTasks, largeTasksInS3 } from '../faults/scenarios/large-tasks.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

const optionsOf = (size: ScenarioOptions['size']): ScenarioOptions => ({
  seed: 1,
  brokers: kafkaBrokers(),
  cluster: undefined,
  size,
  protocol: 'consumer',
  mutant: undefined,
  keepLogs: false,
  say: () => {},
});

it('large bodies go from one process with little memory to another as they were given', async () => {
  const outcome = await largeTasks.run(optionsOf('quick'));
  expect(outcome.problems).toEqual([]);
});

it('and so they do through an object store', async () => {
  const outcome = await largeTasksInS3.run(optionsOf('tiny'));
  expect(outcome.problems).toEqual([]);
});
