import { leadersLeft } from '../../kafka/leaders-left.ts';
import type { Position, TopicPartition } from '../../kafka/port.ts';
import type { KeepFinished } from '../../options/retention.ts';
import { partsMarginMs } from '../../options/retention.ts';
import type { Emitter } from '../../telemetry/emitter.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { StateJournal } from '../journal/state-journal.ts';
import type { WorkerEvents } from '../worker-events.ts';
import { describePins } from './describe-pins.ts';
import { firstKeyAt, keyText } from './first-key.ts';
import type { FreshCommits } from './fresh-commits.ts';
import { type Answers, endsOf, nameOf, offsetsOf } from './log-view.ts';
import { type PartsOf, planParts } from './parts-plan.ts';
import { NO_PINS } from './pin-book.ts';
import { type GroupProgress, oldestLeader, queueLimit, queuePin } from './queue-limit.ts';
import type { PinnedBy, RetentionPin } from './retention-health.ts';
import type { Findings, Round } from './round.ts';
import { type Ends, olderBelow, parkedLimit } from './side-limits.ts';

/** From the first question to the deletion, at most, beside the commit: what others were found to have finished is not old then. */
const QUESTIONS_MS = 45_000;

export interface PurgeTopics {
  readonly queue: { readonly name: string; readonly partitions: number };
  readonly state: { readonly name: string; readonly partitions: number };
  readonly parked: { readonly name: string; readonly partitions: number };
  readonly parts: { readonly name: string; readonly partitions: number };
}

export interface PurgeDeps {
  readonly group: string;
  readonly groups: readonly string[];
  readonly topics: PurgeTopics;
  readonly retention: KeepFinished;
  readonly journal: Pick<StateJournal, 'readToEnds' | 'settledConfirm' | 'lowestNeeded' | 'statePartition'>;
  readonly commits: Pick<FreshCommits, 'request'>;
  /** An acknowledgement is waited for as long. */
  readonly commitMs: number;
  readonly uploadTimeoutMs: () => number;
  readonly monotonicMs: () => number;
  readonly events: Pick<Emitter<WorkerEvents>, 'emit'>;
}

/** Records below an offset are to be deleted, on behalf of the owner of a queue partition. */
interface Deletion extends Position {
  readonly owner: PartitionState;
  /** The owner's frontier has to be acknowledged anew before. */
  readonly byFrontier: boolean;
  /** See {@link oldestLeader}. */
  readonly leaderEpoch?: number | undefined;
}

/** What one round knows. */
interface View {
  readonly round: Round;
  readonly ends: Answers<Ends>;
  /** What is older than this in a topic beside the queue's is not of an upload, or a mark, that is on its way. */
  readonly sideTimeMs: number;
}

/**
 * Deletes what may go: of the queue, of parked tasks and of parts. One request a kind for all partitions; of partitions
 * where nothing can have changed nothing is asked.
 *
 * What is deleted of parts and parked tasks follows from facts that stay true. What is deleted of the queue follows from
 * frontiers, and an owner that was replaced may have missed that its group was set back; so it has its frontier
 * acknowledged anew, and deletes only then.
 */
export class PurgeRounds {
  readonly #deps: PurgeDeps;
  /** The first record of each partition's log, as it was told last. */
  readonly #starts = new WeakMap<PartitionState, number>();

  constructor(deps: PurgeDeps) {
    this.#deps = deps;
  }

  async run(round: Round): Promise<Findings> {
    const { topics, journal, retention } = this.#deps;
    const { queue, state, parked, parts } = topics;
    const queued = round.partitions.filter((one) => this.#mayHaveSome(one));
    const sides = [parked, parts].flatMap((topic) =>
      round.partitions
        .filter(({ partition }) => partition < topic.partitions)
        .map(({ partition }) => ({ topic: topic.name, partition })),
    );
    const statePartitions = this.#statePartitionsOf(queued, round.partitions);
    if (queued.length === 0 && sides.length === 0) return nothing;
    const ends = endsOf(
      await journal.readToEnds(() =>
        round.ask((admin) =>
          admin.logEnds([
            ...queued.map(({ partition }) => ({ topic: queue.name, partition })),
            ...sides,
            ...statePartitions.map((partition) => ({ topic: state.name, partition })),
          ]),
        ),
      ),
    );
    const uploadMs = this.#deps.uploadTimeoutMs();
    const sideTimeMs = Math.floor(
      round.brokerNowMs - retention.keepFinishedMs - uploadMs - partsMarginMs(uploadMs),
    );
    const view: View = { round, ends, sideTimeMs };
    const filled = sides.filter((place) => ends.of(place).end > ends.of(place).start);
    const old = await this.#offsetsForTime(view, filled, sideTimeMs);
    const pinned: RetentionPin[] = [];
    const deletions = [
      ...(await this.#planQueue(view, queued, pinned)),
      ...(await this.#planParked(view, filled, old, pinned)),
    ];
    await this.#delete(round, ends, deletions);
    // Only now: where a log of the queue begins decides about the parts.
    await this.#purgeParts(view, filled, old, pinned);
    return {
      pinned,
      alarms: [],
      describe: (pins) => describePins(pins, round, retention.keepFinishedMs),
    };
  }

  /** Without a record between the log's start and where it has come to, and none beyond that, a partition has nothing. */
  #mayHaveSome(one: PartitionState): boolean {
    const { committedFrontier, nextOffset, logEnd } = one;
    return this.#starts.get(one) !== committedFrontier || Math.max(nextOffset, logEnd) > committedFrontier;
  }

  /** What has to be read of the journal: about these queue partitions, and all that share a parked partition of ours. */
  #statePartitionsOf(queued: readonly PartitionState[], owned: readonly PartitionState[]): readonly number[] {
    const { topics, journal } = this.#deps;
    const { queue, parked } = topics;
    const numbers = new Set(queued.map(({ partition }) => journal.statePartition(partition)));
    for (const { partition } of owned) {
      if (partition >= parked.partitions) continue;
      for (let served = partition; served < queue.partitions; served += parked.partitions) {
        numbers.add(journal.statePartition(served));
      }
    }
    return [...numbers];
  }

  async #offsetsForTime(
    { round }: View,
    places: readonly TopicPartition[],
    timeMs: number,
  ): Promise<Answers<number | undefined>> {
    if (places.length === 0 || timeMs <= 0)
      return offsetsOf(places.map((place) => ({ ...place, offset: 0 })));
    return offsetsOf(await round.ask((admin) => admin.offsetsForTime(places, timeMs)));
  }

  async #planQueue(
    view: View,
    queued: readonly PartitionState[],
    pinned: RetentionPin[],
  ): Promise<readonly Deletion[]> {
    const topic = this.#deps.topics.queue.name;
    const { round, ends } = view;
    const filled: PartitionState[] = [];
    for (const one of queued) {
      const { start, end } = ends.of({ topic, partition: one.partition });
      this.#starts.set(one, start);
      if (end > start) filled.push(one);
    }
    if (filled.length === 0) return [];
    const places = filled.map(({ partition }) => ({ topic, partition }));
    const progress = await this.#progressOf(round, filled, places);
    // Only now: what is finished and younger than this is not among what was found to be finished.
    const { keepFinishedMs } = this.#deps.retention;
    const young = await this.#offsetsForTime(view, places, Math.floor(round.brokerNowMs - keepFinishedMs));
    const deletions: Deletion[] = [];
    for (const owner of filled) {
      const place = { topic, partition: owner.partition };
      const facts = { ...ends.of(place), groups: progress(owner), youngFrom: young.of(place) };
      const below = queueLimit(facts);
      if (below > facts.start) {
        const leaderEpoch = oldestLeader(facts);
        deletions.push({ ...place, offset: below, owner, byFrontier: true, leaderEpoch });
      }
      const pin = queuePin(facts);
      if (pin === undefined) continue;
      const { group, committed, from, records } = pin;
      const by: PinnedBy =
        committed === undefined
          ? { kind: 'group', group }
          : {
              kind: 'task',
              group,
              partition: owner.partition,
              offset: BigInt(committed),
              key: group === this.#deps.group ? firstKeyAt(owner, committed) : undefined,
            };
      pinned.push(pinOf(place, by, { from, records, ageMs: keepFinishedMs }));
    }
    return deletions;
  }

  /** How far each group has come. The journal was read before; an offset that was set back since is lower. */
  async #progressOf(
    round: Round,
    partitions: readonly PartitionState[],
    places: readonly TopicPartition[],
  ): Promise<(owner: PartitionState) => readonly GroupProgress[]> {
    const { group: own, groups, journal, retention } = this.#deps;
    // Whoever claimed a partition and has not confirmed it for so long does not come back to it.
    const openBeforeMs = round.brokerNowMs - retention.keepFinishedMs;
    const confirmed = new Map(
      partitions.map((owner) => [
        owner,
        groups.map((group) => {
          const found = journal.settledConfirm(group, owner.partition, openBeforeMs);
          return found?.topicId === owner.topicId ? found : undefined;
        }),
      ]),
    );
    const committed = await Promise.all(
      groups.map(async (group) => {
        if (group === own) return undefined; // acknowledged to this owner
        const offsets = await round.ask((admin) => admin.committedOffsets(group, places));
        return offsetsOf(offsets);
      }),
    );
    return (owner) =>
      groups.map((group, at) => ({
        group,
        confirmed: confirmed.get(owner)?.[at]?.frontier,
        leaderEpoch: confirmed.get(owner)?.[at]?.leaderEpoch,
        committed:
          group === own
            ? owner.committedFrontier
            : committed[at]?.of({ topic: this.#deps.topics.queue.name, partition: owner.partition }),
      }));
  }

  async #planParked(
    { round, ends, sideTimeMs }: View,
    filled: readonly TopicPartition[],
    old: Answers<number | undefined>,
    pinned: RetentionPin[],
  ): Promise<readonly Deletion[]> {
    const { topics, journal, retention } = this.#deps;
    const { name, partitions } = topics.parked;
    const parked = filled.filter(({ topic }) => topic === name);
    if (sideTimeMs <= 0 || parked.length === 0) return [];
    const described = await round.ask((admin) => admin.describeTopics([name]));
    const lowest = journal.lowestNeeded((served) => served % partitions, described.get(name)?.id);
    return parked.flatMap((place) => {
      const owner = ownerOf(round, place);
      if (owner === undefined) return [];
      const needed = lowest.get(place.partition);
      const log = ends.of(place);
      const { below, pinned: pin } = parkedLimit(log, old.of(place), needed?.parkedFrom);
      if (pin !== undefined && needed !== undefined) {
        const { group, partition, key, id } = needed;
        const by: PinnedBy = { kind: 'parked', group, partition, key: keyText(key), mark: id };
        pinned.push(pinOf(place, by, { ...pin, ageMs: retention.keepFinishedMs }));
      }
      return below > log.start ? [{ ...place, offset: below, owner, byFrontier: false }] : [];
    });
  }

  async #purgeParts(
    { round, ends, sideTimeMs }: View,
    filled: readonly TopicPartition[],
    old: Answers<number | undefined>,
    pinned: RetentionPin[],
  ): Promise<void> {
    const { topics, retention } = this.#deps;
    const { name } = topics.parts;
    if (sideTimeMs <= 0) return;
    const candidates: PartsOf[] = [];
    for (const place of filled) {
      const log = ends.of(place);
      if (place.topic !== name || olderBelow(log, old.of(place)) <= log.start) continue;
      candidates.push({ place, log, oldBelow: olderBelow(log, old.of(place)) });
    }
    if (candidates.length === 0) return;
    const plans = await planParts(round, {
      topics,
      candidates,
      keepMs: retention.keepFinishedMs,
      behindMs: round.brokerNowMs - retention.keepFinishedMs - sideTimeMs,
    });
    const deletions: Deletion[] = [];
    for (const { place, below, log, oldBelow, pinnedBy } of plans) {
      const owner = ownerOf(round, place);
      if (owner === undefined) continue;
      if (below > log.start) deletions.push({ ...place, offset: below, owner, byFrontier: false });
      if (pinnedBy === undefined || oldBelow <= below) continue;
      const by: PinnedBy = { kind: 'queue-partition', partition: pinnedBy };
      pinned.push(
        pinOf(place, by, { from: below, records: oldBelow - below, ageMs: retention.keepFinishedMs }),
      );
    }
    await this.#delete(round, ends, deletions);
  }

  /** Without those of records that nobody can have finished: see {@link oldestLeader}. */
  async #leftOf(
    round: Round,
    ends: Answers<Ends>,
    planned: readonly Deletion[],
  ): Promise<readonly Deletion[]> {
    const asked = planned.flatMap(({ topic, partition, leaderEpoch }) =>
      leaderEpoch === undefined ? [] : [{ topic, partition, leaderEpoch }],
    );
    const found = await leadersLeft(round.ask, asked);
    const endOf = new Map(found.map((one) => [nameOf(one), one.end]));
    return planned.flatMap((one) => {
      const offset = Math.min(one.offset, endOf.get(nameOf(one)) ?? one.offset);
      return offset > ends.of(one).start ? [{ ...one, offset }] : [];
    });
  }

  async #delete(round: Round, ends: Answers<Ends>, planned: readonly Deletion[]): Promise<void> {
    const { commits, commitMs, events, monotonicMs } = this.#deps;
    const allowed = planned.filter(({ topic }) => !round.isRefused(topic));
    const byFrontier = allowed.filter((one) => one.byFrontier).map(({ owner }) => owner);
    const acked = byFrontier.length === 0 ? new Set() : await commits.request(byFrontier, commitMs);
    const left = await this.#leftOf(round, ends, allowed);
    // Nothing is waited for between this and the deletion.
    if (monotonicMs() - round.startedMs > QUESTIONS_MS + commitMs) return;
    const now = left.filter(({ owner, offset, ...one }) => {
      if (owner.phase !== 'running') return false;
      if (!one.byFrontier) return true;
      return (
        acked.has(owner) && owner.committedFrontier >= offset && owner.committedChanges >= owner.frozenUntil
      );
    });
    if (now.length === 0) return;
    const positions = now.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
    const outcomes = await round.ask((admin) => admin.deleteRecords(positions));
    const ownerOfPlace = new Map(now.map((one) => [nameOf(one), one]));
    for (const { topic, partition, logStart, failure } of outcomes) {
      if (failure?.kind === 'authorization') round.refuse(topic, failure);
      else if (failure !== undefined) events.emit('problem', { failure });
      if (logStart === undefined) continue;
      const deletion = ownerOfPlace.get(nameOf({ topic, partition }));
      if (deletion?.byFrontier === true) this.#starts.set(deletion.owner, logStart);
      if (logStart > ends.of({ topic, partition }).start) {
        events.emit('purged', { topic, partition, below: BigInt(logStart) });
      }
    }
  }
}

const nothing: Findings = { pinned: [], alarms: [], describe: () => Promise.resolve(NO_PINS) };

/** Of a partition of a topic beside the queue's: the owner of the queue partition with its number looks after it. */
function ownerOf({ partitions }: Round, { partition }: TopicPartition): PartitionState | undefined {
  return partitions.find((one) => one.partition === partition);
}

function pinOf(
  { topic, partition }: TopicPartition,
  by: PinnedBy,
  { from, records, ageMs }: { readonly from: number; readonly records: number; readonly ageMs: number },
): RetentionPin {
  return { topic, partition, by, offset: BigInt(from), records, ageMs, bytes: undefined };
}
