import { leadersLeft } from '../../kafka/leaders-left.ts';
import type { Position } from '../../kafka/port.ts';
import type { Emitter } from '../../telemetry/emitter.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { WorkerEvents } from '../worker-events.ts';
import type { FreshCommits } from './fresh-commits.ts';
import { type Answers, nameOf } from './log-view.ts';
import type { Round } from './round.ts';
import type { Ends } from './side-limits.ts';

/** From the first question to the deletion, at most, beside the commit: what others were found to have finished is not old then. */
const QUESTIONS_MS = 45_000;

/** Records below an offset are to be deleted, on behalf of the owner of a queue partition. */
export interface Deletion extends Position {
  readonly owner: PartitionState;
  /** The owner's frontier has to be acknowledged anew before. */
  readonly byFrontier: boolean;
  /** See `oldestLeader`. */
  readonly leaderEpoch?: number | undefined;
}

export interface DeletionDeps {
  readonly commits: Pick<FreshCommits, 'request'>;
  /** An acknowledgement is waited for as long. */
  readonly commitMs: number;
  readonly monotonicMs: () => number;
  readonly events: Pick<Emitter<WorkerEvents>, 'emit'>;
}

/** Deletes what was planned and may still go. Resolves with where the logs of the queue begin now, by their owners. */
export async function carryOut(
  { commits, commitMs, events, monotonicMs }: DeletionDeps,
  { round, ends }: { readonly round: Round; readonly ends: Answers<Ends> },
  planned: readonly Deletion[],
): Promise<ReadonlyMap<PartitionState, number>> {
  const starts = new Map<PartitionState, number>();
  const allowed = planned.filter(({ topic }) => !round.isRefused(topic));
  const byFrontier = allowed.filter((one) => one.byFrontier).map(({ owner }) => owner);
  const acked = byFrontier.length === 0 ? new Set() : await commits.request(byFrontier, commitMs);
  const left = await leftOf(round, ends, allowed);
  const mayGo = ({ owner, offset, ...one }: Deletion): boolean => {
    if (monotonicMs() - round.startedMs > QUESTIONS_MS + commitMs) return false;
    if (owner.phase !== 'running') return false;
    if (!one.byFrontier) return true;
    return (
      acked.has(owner) && owner.committedFrontier >= offset && owner.committedChanges >= owner.frozenUntil
    );
  };
  const now = left.filter(mayGo);
  if (now.length === 0) return starts;
  const positions = now.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
  const ownerOfPlace = new Map(now.map((one) => [nameOf(one), one]));
  // Asked once more when the request is sent: brokers that do not answer are waited for, and owners change meanwhile.
  const isStill = (place: Position): boolean => {
    const deletion = ownerOfPlace.get(nameOf(place));
    return deletion !== undefined && mayGo(deletion);
  };
  const outcomes = await round.ask((admin) => admin.deleteRecords(positions, isStill));
  for (const { topic, partition, logStart, failure } of outcomes) {
    if (failure?.kind === 'authorization') round.refuse(topic, failure);
    else if (failure !== undefined) events.emit('problem', { failure });
    if (logStart === undefined) continue;
    const deletion = ownerOfPlace.get(nameOf({ topic, partition }));
    if (deletion?.byFrontier === true) starts.set(deletion.owner, logStart);
    if (logStart > ends.of({ topic, partition }).start) {
      events.emit('purged', { topic, partition, below: BigInt(logStart) });
    }
  }
  return starts;
}

/**
 * Without records that nobody can have finished, see `oldestLeader`, and without those of which no leader says now whether they
 * are of that kind.
 */
async function leftOf(
  round: Round,
  ends: Answers<Ends>,
  planned: readonly Deletion[],
): Promise<readonly Deletion[]> {
  const asked = planned.flatMap(({ topic, partition, leaderEpoch }) =>
    leaderEpoch === undefined ? [] : [{ topic, partition, leaderEpoch }],
  );
  const found = await leadersLeft(round.ask, asked);
  const told = new Map(asked.map((one, nth) => [nameOf(one), found[nth]]));
  return planned.flatMap((one) => {
    const left = one.leaderEpoch === undefined ? undefined : told.get(nameOf(one));
    if (left?.failure !== undefined) {
      round.untold(left, left.failure);
      return [];
    }
    const offset = Math.min(one.offset, left?.end ?? one.offset);
    return offset > ends.of(one).start ? [{ ...one, offset }] : [];
  });
}
