import { expect, it } from 'vitest';
import { itemOf } from '../../test/support/core-rig.ts';
import type { CommitOutcome, Membership, OffsetCommit } from '../kafka/port.ts';
import { Emitter } from '../telemetry/emitter.ts';
import type { CoreConfig } from './core/core-state.ts';
import type { Run } from './core/effects.ts';
import { foldJournal } from './core/journal.ts';
import type { TakingFinding } from './core/judge-taking.ts';
import { LiveKeys } from './core/live-keys.ts';
import type { PartitionState } from './core/partition-state.ts';
import { SharedBudget } from './core/shared-budget.ts';
import { WorkerCore } from './core/worker-core.ts';
import type { PartitionIo } from './partition-io.ts';
import type { SweepFeed } from './reading/sweep-feed.ts';
import type { TailFeed } from './reading/tail-feed.ts';
import type { TaskRunner } from './running/task-runner.ts';
import { WorkerEngine } from './worker-engine.ts';
import type { WorkerEvents } from './worker-events.ts';

const config: CoreConfig = {
  scope: 'q',
  taskId: () => undefined,
  afterGiveUp: () => 'wait',
  concurrency: 4,
  commitIntervalMs: 100,
  drainMs: 1_000,
  retry: { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined },
  probe: { minMs: 200, maxMs: 5_000 },
  partitionBytes: 1_000_000,
  lookAheadCount: 2,
  trackedTasks: 100_000,
  confirmIntervalMs: 3_600_000,
};

/** What a new owner finds in a partition that nobody has worked on. */
const fresh: Omit<TakingFinding, 'epoch'> = {
  committed: undefined,
  history: foldJournal([]),
  logStart: 0,
  logEnd: 2,
  topicId: 'topic',
  statePin: 'pin',
};

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

it('starts nothing after a standstill before a commit is acknowledged, whatever is heard first', async () => {
  let nowMs = 10_000;
  const started: Run[] = [];
  const stoodStill: number[] = [];
  let acknowledge = (): void => {};
  let silent = false;
  const membership = {
    commit: async (offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> => {
      if (silent) await new Promise<void>((resolve) => (acknowledge = resolve));
      return offsets.map(({ topic, partition }) => ({ topic, partition, failure: undefined }));
    },
  };
  const io = {
    claim: async () => 101,
    inspect: async (partitions: readonly PartitionState[]) =>
      new Map(partitions.map((partition) => [partition, { ...fresh, epoch: partition.epoch }])),
    confirm: async () => {},
  };
  const order = async (): Promise<void> => {};
  const feed = { read: order, stop: order, pause: order, resume: order, poke: () => {}, stalled: () => [] };
  const shared = { budget: new SharedBudget(1_000_000), liveKeys: new LiveKeys() };
  const core = new WorkerCore(config, shared);
  const events = new Emitter<WorkerEvents>(() => {});
  events.on('stood-still', ({ gapMs }) => void stoodStill.push(gapMs));
  const engine = new WorkerEngine({
    core,
    topic: 'q',
    membership: membership as unknown as Membership, // what is not here is not asked for
    io: io as unknown as PartitionIo,
    tail: feed as unknown as TailFeed,
    sweeps: feed as unknown as SweepFeed,
    runner: { start: (run: Run) => void started.push(run), watch: () => {} } as unknown as TaskRunner,
    liveKeys: shared.liveKeys,
    // No timer fires: the process stands still, and hears of other things first.
    clock: { monotonicMs: () => nowMs, wallMs: () => nowMs, setTimer: () => ({ clear: () => {} }) },
    events,
    onCommitted: () => {},
    onFatal: () => {},
  });
  engine.start();
  engine.onMembership({ kind: 'assigned', partitions: [{ topic: 'q', partition: 0 }] });
  await settle();
  const partition = core.state.partitions.get(0);
  if (partition === undefined) throw new Error('partition 0 is not there');
  engine.onRecords(partition, [itemOf(0, 'a'), itemOf(1, 'a')]);
  expect(started).toHaveLength(1);
  nowMs += 100;
  engine.onRecords(partition, []);
  await settle();

  silent = true;
  nowMs += 60_000;
  const [first] = started;
  if (first === undefined) throw new Error('nothing runs');
  engine.onTaskEnded(first, { kind: 'finished' });
  await settle();
  expect(stoodStill).toEqual([60_100]);
  expect(started).toHaveLength(1);
  acknowledge();
  await settle();
  expect(started.map(({ item }) => item.offset)).toEqual([0, 1]);
});
