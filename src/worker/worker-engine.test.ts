import { describe, expect, it } from 'vitest';
import { itemOf, readingOf } from '../../test/support/core-rig.ts';
import type { Clock } from '../clock/clock.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { foldJournal } from '../journal/journal.ts';
import type { CommitOutcome, Membership, OffsetCommit } from '../kafka/port.ts';
import { Emitter } from '../telemetry/emitter.ts';
import type { CoreConfig } from './core/core-state.ts';
import type { Run } from './core/effects.ts';
import type { TakingFinding } from './core/judge-taking.ts';
import { LiveKeys } from './core/live-keys.ts';
import type { PartitionState } from './core/partition-state.ts';
import { SharedBudget } from './core/shared-budget.ts';
import { SuspectGate } from './core/suspect-gate.ts';
import { WorkerCore } from './core/worker-core.ts';
import type { ParkingIo } from './parking-io.ts';
import { PartitionHooks } from './partition-hooks.ts';
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
  contentBytes: ({ type }) => (type === 'large' ? 1_000 : 0),
  concurrency: 4,
  commitIntervalMs: 100,
  drainMs: 1_000,
  startAhead: { min: 256, max: 65_536 },
  suspectsAtOnce: 4,
  suspectStarts: 2,
  retry: { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined },
  probe: { minMs: 200, maxMs: 5_000 },
  partitionBytes: 1_000_000,
  lookAheadCount: 2,
  trackedTasks: 100_000,
  listedTasks: 10_000,
  confirmIntervalMs: 3_600_000,
};

/** What a new owner finds in a partition that nobody has worked on. */
const fresh: Omit<TakingFinding, 'epoch'> = {
  committed: undefined,
  history: foldJournal([]),
  lastWord: -1,
  logStart: 0,
  logEnd: 2,
  leaderEnds: new Map(),
  topicId: 'topic',
  statePin: 'pin',
};

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Engine {
  readonly engine: WorkerEngine;
  readonly core: WorkerCore;
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly events: Emitter<WorkerEvents>;
  readonly started: Run[];
  readonly aborted: string[];
  readonly broken: unknown[];
}

/** A clock that fires no timer. */
function stillClock(now: () => number): Clock {
  return { monotonicMs: now, wallMs: now, setTimer: () => ({ clear: () => {} }) };
}

/** An engine with partition 0 assigned. `onStart` is what its runner does with a start. */
async function runningEngine(
  commit: (offsets: readonly OffsetCommit[]) => Promise<readonly CommitOutcome[]>,
  clock: Clock = stillClock(() => 10_000),
  onStart: (run: Run) => void = () => {},
): Promise<Engine & { readonly partition: PartitionState }> {
  const started: Run[] = [];
  const aborted: string[] = [];
  const broken: unknown[] = [];
  const io = {
    claim: async () => 101,
    inspect: async (partitions: readonly PartitionState[]) =>
      new Map(partitions.map((partition) => [partition, { ...fresh, epoch: partition.epoch }])),
    confirm: async () => {},
  };
  const order = async (): Promise<void> => {};
  const feed = { read: order, stop: order, pause: order, resume: order, poke: () => {}, stalled: () => [] };
  const shared = {
    budget: new SharedBudget(1_000_000),
    liveKeys: new LiveKeys(),
    suspectGate: new SuspectGate(),
  };
  const core = new WorkerCore(config, shared);
  const events = new Emitter<WorkerEvents>(() => {});
  const runner = {
    start: (run: Run) => {
      onStart(run);
      started.push(run);
    },
    has: (run: Run) => started.includes(run),
    watch: () => {},
    abortAll: (reason: string) => void aborted.push(reason),
  };
  const engine = new WorkerEngine({
    core,
    topic: 'q',
    membership: { commit } as unknown as Membership, // what is not here is not asked for
    io: io as unknown as PartitionIo,
    parking: {} as unknown as ParkingIo, // nothing is parked
    tail: feed as unknown as TailFeed,
    sweeps: feed as unknown as SweepFeed,
    runner: runner as unknown as TaskRunner,
    hooks: new PartitionHooks({}, clock, events),
    liveKeys: shared.liveKeys,
    clock,
    events,
    onCommitted: () => {},
    onAcknowledged: () => {},
    onParkedNeeded: () => {},
    onFatal: () => {},
    onBroken: (error) => void broken.push(error),
  });
  engine.start();
  engine.onMembership({ kind: 'assigned', partitions: [{ topic: 'q', partition: 0 }] });
  await settle();
  const partition = core.state.partitions.get(0);
  if (partition === undefined) throw new Error('partition 0 is not there');
  return { engine, core, ...shared, events, started, aborted, broken, partition };
}

function allStored(offsets: readonly OffsetCommit[]): readonly CommitOutcome[] {
  return offsets.map(({ topic, partition }) => ({ topic, partition, failure: undefined }));
}

async function allStoredAtOnce(offsets: readonly OffsetCommit[]): Promise<readonly CommitOutcome[]> {
  return allStored(offsets);
}

it('starts nothing after a standstill before a commit is acknowledged, whatever is heard first', async () => {
  // No timer fires: the process stands still, and hears of other things first.
  let nowMs = 10_000;
  let acknowledge = (): void => {};
  let silent = false;
  const { engine, events, started, partition } = await runningEngine(
    async (offsets) => {
      if (silent) await new Promise<void>((resolve) => (acknowledge = resolve));
      return allStored(offsets);
    },
    stillClock(() => nowMs),
  );
  const stoodStill: number[] = [];
  events.on('stood-still', ({ gapMs }) => void stoodStill.push(gapMs));
  engine.onRecords(readingOf(partition), [itemOf(0, 'a'), itemOf(1, 'a')]);
  expect(started).toHaveLength(1);
  nowMs += 100;
  engine.onRecords(readingOf(partition), []);
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

it('ends with its core: when that throws, nothing is told to it any more and nothing of it is carried out', async () => {
  const rig = await runningEngine(async (offsets) => allStored(offsets));
  const { engine, core, partition, budget, liveKeys, started } = rig;
  engine.onRecords(readingOf(partition), [itemOf(0, 'a'), itemOf(1, 'a'), itemOf(2, 'b')]);
  expect(started).toHaveLength(2);
  const bug = new Error('the core is wrong');
  core.records = () => {
    throw bug;
  };
  engine.onRecords(readingOf(partition), [itemOf(3, 'c')]);
  expect(rig.broken).toEqual([bug]);
  expect(rig.aborted).toEqual(['partition-lost']);
  // What runs keeps its memory and its key until it ends; other workers of the process get the rest now.
  expect(budget.usedBytes).toBe(200);
  for (const run of started) engine.onTaskEnded(run, { kind: 'finished' });
  engine.stopping();
  engine.giveUp();
  await settle();
  expect([budget.usedBytes, started.length, rig.broken.length]).toEqual([0, 2, 1]);
  for (const run of started) expect(liveKeys.has(core.state.keyName(run.lane))).toBe(false);
  await engine.close();
});

describe('an engine that breaks gives back', () => {
  it('the memory and the keys of starts that it never came to', async () => {
    let count = 0;
    const rig = await runningEngine(allStoredAtOnce, undefined, () => {
      count += 1;
      if (count === 2) throw new Error('no start');
    });
    const { engine, budget, liveKeys, started } = rig;
    engine.onRecords(readingOf(rig.partition), [
      itemOf(0, 'a'),
      itemOf(1, 'b', { type: 'large' }),
      itemOf(2, 'c', { type: 'large' }),
      itemOf(3, 'c'),
    ]);
    expect(rig.broken).toHaveLength(1);
    expect([started.length, budget.usedBytes, liveKeys.size]).toEqual([1, 100, 1]);
    for (const run of started) engine.onTaskEnded(run, { kind: 'finished' });
    expect([budget.usedBytes, liveKeys.size]).toEqual([0, 0]);
  });

  it.each([
    ['before', 0],
    ['after', 1],
  ] as const)('what a task has whose end breaks it, %s that was noted', async (_when, noted) => {
    const rig = await runningEngine(allStoredAtOnce);
    const { engine, core, budget, liveKeys, started } = rig;
    engine.onRecords(readingOf(rig.partition), [itemOf(0, 'a', { type: 'large' }), itemOf(1, 'a')]);
    const [run] = started.splice(0);
    if (run === undefined) throw new Error('nothing runs');
    const finished = core.finished.bind(core);
    core.finished = (...args) => {
      if (noted === 1) finished(...args);
      throw new Error('no end');
    };
    engine.onTaskEnded(run, { kind: 'finished' });
    expect(rig.broken).toHaveLength(1);
    expect([budget.usedBytes, liveKeys.size]).toEqual([0, 0]);
  });
});

it('does not wait for ever for what is under way when it closes', async () => {
  const clock = new ManualClock();
  let taken = false;
  const rig = await runningEngine(async (offsets) => {
    if (taken) return await new Promise(() => {}); // never answered
    taken = true;
    return allStored(offsets);
  }, clock);
  rig.engine.onRecords(readingOf(rig.partition), [itemOf(0, 'a')]);
  const [run] = rig.started;
  if (run === undefined) throw new Error('nothing runs');
  rig.engine.onTaskEnded(run, { kind: 'finished' });
  await clock.advance(1_000);
  expect(rig.core.state.commitUnderWay).toBe(true);
  const closed = rig.engine.close();
  let ended = false;
  void closed.then(() => {
    ended = true;
  });
  await clock.advance(4_000);
  expect(ended).toBe(false);
  await clock.advance(2_000);
  await closed;
});

it('ends when what it does in the background throws', async () => {
  const bug = new Error('no list of outcomes');
  let nowMs = 10_000;
  let taken = false;
  const rig = await runningEngine(
    async (offsets) => {
      if (taken) throw bug;
      taken = true;
      return allStored(offsets);
    },
    stillClock(() => nowMs),
  );
  rig.engine.onRecords(readingOf(rig.partition), [itemOf(0, 'a')]);
  const [run] = rig.started;
  if (run === undefined) throw new Error('nothing runs');
  nowMs += 100;
  rig.engine.onTaskEnded(run, { kind: 'finished' });
  await settle();
  expect(rig.broken).toEqual([bug]);
});
