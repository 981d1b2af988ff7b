import type { CommitOutcome } from '../../src/kafka/port.ts';
import { type CommitState, decodeMetadata, encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import type { CommitItem, Effect } from '../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import { withoutAsking } from './outage-mutants.ts';
import type { SimulatedWorker } from './simulated-worker.ts';

/** Breaks what the core wants done. */
export function mutateEffects(worker: SimulatedWorker, effects: readonly Effect[]): readonly Effect[] {
  switch (worker.world.scenario.mutant) {
    case 'commit-plus-one':
      return effects.map((effect) =>
        effect.kind === 'commit' ? { ...effect, items: effect.items.map(plusOne) } : effect,
      );
    case 'given-up-in-outage':
      return effects.map(withoutAsking);
    case 'two-at-once':
      return effects.flatMap((effect) => withNext(worker, effect));
    case 'start-unacked':
      for (const effect of effects) if (effect.kind === 'commit') pretendAcked(worker, effect.items);
      return effects;
    default:
      return effects;
  }
}

function plusOne(item: CommitItem): CommitItem {
  const read = decodeMetadata(item.metadata, item.offset);
  if (read.kind !== 'state') return item;
  const { state } = read;
  const frontier = state.frontier + 1;
  const lanes = state.lanes.filter((lane) => lane.offset >= frontier);
  const moved = { ...state, frontier, lanes, doneBelow: Math.max(state.doneBelow, frontier) };
  return { ...item, offset: frontier, metadata: encodeMetadata(moved).text };
}

/** Starts the key's next task beside its first. */
function withNext(worker: SimulatedWorker, effect: Effect): Effect[] {
  if (effect.kind !== 'start') return [effect];
  const { run } = effect;
  const log = worker.world.reference.log(run.partition.partition);
  const next = log.find((record) => record.offset > run.item.offset && record.task?.key === run.item.key);
  if (next === undefined) return [effect];
  const record = { ...run.item.record, offset: next.offset };
  return [effect, { kind: 'start', run: { ...run, item: { ...run.item, offset: next.offset, record } } }];
}

/** Goes on as if the group had acknowledged the taking commits already. */
function pretendAcked(worker: SimulatedWorker, items: readonly CommitItem[]): void {
  const taking = items.filter(({ partition }) => partition.phase === 'taking');
  if (taking.length < items.length || taking.length === 0) return;
  const outcomes = taking.map(({ partition }) => ({
    topic: 'q',
    partition: partition.partition,
    failure: undefined,
  }));
  worker.tell((core, at) => core.committed(at, taking, outcomes));
}

/** Breaks what a reader brings. */
export function mutateItems(
  worker: SimulatedWorker,
  items: readonly Item[],
  of: 'tail' | 'sweep',
): readonly Item[] {
  const { mutant } = worker.world.scenario;
  if (of === 'sweep') return mutant === 'drop-swept' ? items.filter(({ offset }) => offset % 7 !== 3) : items;
  const [first, second, ...rest] = items;
  if (first === undefined) return items;
  if (mutant === 'drop-one') return items.filter(({ offset }) => offset % 7 !== 3);
  if (mutant === 'swap-two' && second !== undefined && worker.world.random.chance(0.3)) {
    return [{ ...second, offset: first.offset }, { ...first, offset: second.offset }, ...rest];
  }
  return items;
}

/** Breaks what a new owner finds, or how it takes it. */
export function mutateFinding(worker: SimulatedWorker, finding: TakingFinding): TakingFinding {
  const { committed, history } = finding;
  if (worker.world.scenario.mutant === 'last-word-unheard') return { ...finding, lastWord: -1 };
  if (worker.world.scenario.mutant === 'marks-forgotten')
    return { ...finding, history: { ...history, marks: [] } };
  if (committed === undefined) return finding;
  switch (worker.world.scenario.mutant) {
    case 'no-range': {
      const metadata = restated(committed, (state) => ({ ...state, lanes: [] }));
      return { ...finding, committed: { ...committed, metadata } };
    }
    case 'commit-by-its-offset': {
      const epoch = history.newestConfirmedEpoch ?? finding.epoch;
      const { offset } = committed;
      const metadata = restated(committed, (state) => ({ ...state, epoch, doneBelow: offset, lanes: [] }));
      return { ...finding, committed: { ...committed, metadata } };
    }
    case 'zombie-commit-trusted': {
      const read = decodeMetadata(committed.metadata, committed.offset);
      if (read.kind !== 'state') return finding;
      const claims = new Set([...history.claims, read.state.epoch]);
      return { ...finding, history: { ...history, claims, newestConfirmedEpoch: undefined } };
    }
    default:
      return finding;
  }
}

/** Metadata that says something else. */
function restated(
  committed: { readonly offset: number; readonly metadata: string },
  change: (state: CommitState) => CommitState,
): string {
  const read = decodeMetadata(committed.metadata, committed.offset);
  return read.kind === 'state' ? encodeMetadata(change(read.state)).text : committed.metadata;
}

/** Breaks how the group's answer to a commit is heard. */
export function mutateOutcomes(
  worker: SimulatedWorker,
  items: readonly CommitItem[],
  outcomes: readonly CommitOutcome[],
): readonly CommitOutcome[] {
  if (worker.world.scenario.mutant !== 'confirm-without-ack') return outcomes;
  return outcomes.map((outcome, i) =>
    items[i]?.partition.phase === 'taking' ? { ...outcome, failure: undefined } : outcome,
  );
}

/** The last commit of a worker that stops stays where it is. */
export function isNotSent({ world, stopping }: SimulatedWorker, items: readonly CommitItem[]): boolean {
  return (
    world.scenario.mutant === 'last-commit-unsent' &&
    stopping &&
    items.every(({ partition }) => partition.phase === 'draining')
  );
}
