import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { WorkerStuckError } from '../errors/worker-errors.ts';
import type { KafkaFailure, Membership, Reader } from '../kafka/port.ts';
import type { Emitter } from '../telemetry/emitter.ts';
import type { Logger } from '../telemetry/logger.ts';
import { bothReaders } from './both-readers.ts';
import { chooseProtocol } from './choose-protocol.ts';
import { WorkerCore } from './core/worker-core.ts';
import { coreConfig } from './core-config.ts';
import { StateJournal } from './journal/state-journal.ts';
import { ObjectPurge } from './object-purge.ts';
import { openMembership } from './open-membership.ts';
import { describeTopic, logEnds, openParking } from './open-parking.ts';
import type { ParkingIo } from './parking-io.ts';
import { PartitionHooks } from './partition-hooks.ts';
import { PartitionIo } from './partition-io.ts';
import { BudgetWindows } from './reading/budget-windows.ts';
import { PartsFeed } from './reading/parts-feed.ts';
import { SweepFeed } from './reading/sweep-feed.ts';
import { TailFeed } from './reading/tail-feed.ts';
import { taskRef } from './report-events.ts';
import { FreshCommits } from './retention/fresh-commits.ts';
import { openPurger } from './retention/open-purger.ts';
import type { Purger } from './retention/purger.ts';
import type { ResolvedHandler } from './running/handler-map.ts';
import { type ActiveTask, TaskRunner } from './running/task-runner.ts';
import type { WorkerDeps } from './worker-deps.ts';
import { WorkerEngine } from './worker-engine.ts';
import type { WorkerEvents } from './worker-events.ts';
import type { ResolvedWorkerOptions } from './worker-options.ts';

/** Everything that exists only while a worker runs. */
export interface Running {
  readonly membership: Membership;
  readonly engine: WorkerEngine;
  readonly core: WorkerCore;
  readonly runner: TaskRunner;
  readonly tail: TailFeed;
  readonly sweeps: SweepFeed;
  readonly journal: StateJournal;
  readonly parking: ParkingIo;
  readonly parts: PartsFeed;
  readonly hooks: PartitionHooks;
  readonly objects: ObjectPurge;
  /** Not on the embedded cluster. */
  readonly purger: Purger | undefined;
}

/** What a running worker is put together from. */
interface WorkerParts {
  readonly deps: WorkerDeps;
  readonly options: ResolvedWorkerOptions;
  readonly handlers: ReadonlyMap<string, ResolvedHandler>;
  readonly group: string;
  readonly events: Emitter<WorkerEvents>;
  readonly logger: Logger;
  readonly onFatal: (failure: KafkaFailure) => void;
  readonly onBroken: (error: unknown) => void;
  /** A handler does not end, and the worker is to stop because of that. */
  readonly onStuck: (error: WorkerStuckError) => void;
}

const MIB = 1024 * 1024;

/**
 * The clients below. Batches have up to 1 MB, and those that a fetch cuts off come again: 100 KB tasks came 1.29 times with
 * fetches of 1 MiB, 1.19 times with 2, 1.17 with 4 and some 50 MB more in memory.
 */
const READERS = {
  tail: { prefetchBytes: 16 * MIB, partitionFetchBytes: 2 * MIB },
  sweep: { prefetchBytes: 4 * MIB, partitionFetchBytes: 2 * MIB },
  parked: { prefetchBytes: 4 * MIB, partitionFetchBytes: 2 * MIB },
  // Four parts of the usual size a fetch, whole: with 1 MiB each came 1.18 times, with 4 MiB 1.15. And bodies take turns,
  // each of which begins with a seek.
  parts: {
    prefetchBytes: 4 * MIB,
    partitionFetchBytes: 4 * (defaultCodecLimits.maxRecordBytes + 5_000),
    fetchWaitMs: 10,
    fullWaitMs: 5, // what is fetched ahead is read in some 7 ms
  },
  journal: { prefetchBytes: MIB },
};

/** Opens what a worker needs and ties it together. Nothing is joined yet; a failure leaves nothing open. */
export async function openWorker(parts: WorkerParts): Promise<Running> {
  const { deps, options, group, events, onFatal } = parts;
  const { clock, liveKeys } = deps;
  const [driver, topics] = await Promise.all([deps.driver(), deps.topics()]);
  const { protocol: wanted } = options.rebalance;
  const protocol = await chooseProtocol(wanted, { group, driver, admin: deps.admin, logger: parts.logger });
  const name = `${group}.${deps.workerName}`;
  const open = (role: keyof typeof READERS): Promise<Reader> =>
    driver.reader({
      name: `${name}.${role}`,
      ...READERS[role],
      rackId: options.rebalance.rackId,
    });
  const [tailReader, journalReader] = await bothReaders(open('tail'), open('journal'));
  const config = coreConfig(options, `${deps.queue}\n${group}`, deps);
  const core = new WorkerCore(config, deps);
  const meanBytes = (): number => core.state.meanBytes;
  const topic = topics.queue.name;
  const journal = new StateJournal({
    group,
    topic: topics.state.name,
    partitionCount: topics.state.partitions,
    append: deps.appendState(topics.state.name),
    reader: journalReader,
    clock,
    newId: deps.newId,
    onEntry: (entry) => engine.onJournalEntry(entry),
    onBroken: (error) => engine.break(error),
  });
  const membership = openMembership({ deps, options, group, topic, driver, protocol, events });
  const tail = new TailFeed({
    reader: tailReader,
    topic,
    wantedCount: () => core.wantedCount(),
    meanBytes,
    deliver: (reading, items) => {
      purging?.uploads.look(items);
      engine.onRecords(reading, items);
    },
    onBroken: (error) => engine.break(error),
  });
  const sweeps = new SweepFeed({
    openReader: () => open('sweep'),
    topic,
    clock,
    meanBytes,
    partitionBytes: config.partitionBytes,
    deliver: (reading, items) => engine.onSwept(reading, items),
    onBroken: (error) => engine.break(error),
  });
  tailReader.onProblem((failure) => engine.onReaderProblem(failure));
  journalReader.onProblem((failure) => events.emit('problem', { failure }));
  const partsFeed = new PartsFeed({
    topics,
    openReader: () => open('parts'),
    logEnds: (place) => logEnds(deps, place),
    clock,
    stores: deps.stores,
    memory: new BudgetWindows(deps.budget, clock),
  });
  const runner = newRunner(parts, partsFeed, (run, end) => engine.onTaskEnded(run, end));
  const io = new PartitionIo({
    group,
    topic,
    stateTopic: topics.state.name,
    workerName: deps.workerName,
    membership,
    admin: deps.admin,
    journal,
  });
  const hooks = new PartitionHooks(options, clock, events);
  const parking = openParking(parts, { topics, core, journal, partsFeed, open });
  const commits = new FreshCommits((partitions) => engine.askForCommit(partitions), clock);
  const purging = openPurger({
    ...deps,
    driver,
    group,
    topics,
    journal,
    commits,
    commitIntervalMs: config.commitIntervalMs,
    partitions: () => core.state.partitions.values(),
    events,
    logger: parts.logger,
  });
  const engine = new WorkerEngine({
    core,
    topic,
    membership,
    io,
    parking,
    tail,
    sweeps,
    runner,
    hooks,
    liveKeys,
    clock,
    events: events,
    onCommitted: deps.onCommitted,
    onAcknowledged: (item) => commits.acknowledged(item),
    onParkedNeeded: (partition, from) =>
      deps.onParkedNeeded(
        { topic: topics.parked.name, partition: partition % topics.parked.partitions },
        from,
      ),
    onFatal,
    onBroken: parts.onBroken,
  });
  engine.start();
  const objects = new ObjectPurge({
    stores: deps.stores,
    queue: deps.queue,
    topics,
    owned: () => core.state.partitions.values(),
    logEnds: (place) => logEnds(deps, place),
    topicId: async (name) => (await describeTopic(deps, name))?.id,
    intervalMs: deps.retention.purgeIntervalMs,
    clock,
    logger: parts.logger,
  });
  objects.start();
  purging?.purger.start();
  const { purger } = purging ?? { purger: undefined };
  return {
    membership,
    engine,
    core,
    runner,
    tail,
    sweeps,
    journal,
    parking,
    parts: partsFeed,
    hooks,
    objects,
    purger,
  };
}

function newRunner(
  { deps, options, handlers, events, logger, onStuck }: WorkerParts,
  parts: PartsFeed,
  onEnded: WorkerEngine['onTaskEnded'],
): TaskRunner {
  const { clock } = deps;
  return new TaskRunner({
    registry: deps.registry,
    codecs: deps.codecs,
    stores: deps.stores,
    handlers,
    middleware: options.middleware,
    classify: (type) => options.ofType(type).classify,
    onHookFailed: (hook, error) => events.emit('hook-failed', { hook, error }),
    enqueuer: deps.enqueuer,
    parts,
    logger: logger,
    clock,
    onStarted: ({ run }) => {
      if (events.has('task-started')) events.emit('task-started', taskRef(run));
    },
    onEnded: (task, run, end) => {
      if (task !== undefined && counts(task) && end.kind === 'finished' && events.has('task-finished')) {
        events.emit('task-finished', {
          ...taskRef(run),
          durationMs: clock.monotonicMs() - task.startedAtMs,
        });
      }
      if (end.kind === 'void') events.emit('task-void', { ...taskRef(run), upload: end.upload });
      onEnded(run, end);
    },
    stuckAfterMs: options.stuck.afterMs,
    onStuck: (task, abortedMs) => {
      const ref = taskRef(task.run);
      events.emit('task-stuck', { ...ref, abortedMs });
      if (options.stuck.action === 'stop') onStuck(new WorkerStuckError(ref, abortedMs));
    },
  });
}

/** What ended after its partition was given up is void: it will run again. */
function counts({ signals }: ActiveTask): boolean {
  return signals.aborted === undefined || signals.aborted === 'timeout';
}
