import type { CoreConfig } from '../../src/worker/core/core-state.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { toldBytes } from './contents.ts';
import { suspectStartsOf } from './suspect-mutants.ts';
import { PLAIN, type SimulatedType, taskIdOf, typeNamed } from './task-types.ts';
import { mutatePolicy } from './type-mutants.ts';
import type { World } from './world.ts';

/** First and longest pause between two probes of a type that is down. */
export const PROBE = { minMs: 10, maxMs: 50 } as const;

/** What the cores of a scenario decide by. */
export function configOf(world: World): CoreConfig {
  const { scenario } = world;
  const typed = (recorded: string): SimulatedType => typeNamed(scenario.types, recorded);
  return {
    scope: 'q',
    contentBytes: (item) => toldBytes(scenario, item),
    concurrency: scenario.concurrency,
    commitIntervalMs: scenario.commitIntervalMs,
    drainMs: 200,
    startAhead: { min: 2, max: 16 },
    suspectsAtOnce: 2,
    suspectStarts: suspectStartsOf(scenario),
    retry: typed(PLAIN).retry,
    typePolicy: (recorded) => mutatePolicy(scenario, recorded, typed(recorded)),
    probe: PROBE,
    partitionBytes: scenario.budgetBytes / 2,
    lookAheadCount: 2,
    trackedTasks: 1_000,
    listedTasks: 4,
    confirmIntervalMs: 2_000,
    taskId: ({ key, type, offset }) => taskIdOf(typed(type), key, offset),
    notBeforeMs: (item) => notBeforeMs(world, item),
    afterGiveUp: (recorded) => typed(recorded).afterGiveUp,
  };
}

function notBeforeMs({ reference, scenario }: World, { record, offset }: Item): number | undefined {
  const task = reference.log(record.partition)[offset]?.task;
  if (scenario.mutant === 'copy-due-at-once' && task?.movedFrom !== undefined) return undefined;
  return task?.notBeforeMs;
}
