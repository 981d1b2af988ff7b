import type { TopicPartition } from '../../kafka/port.ts';
import type { KeepFinished } from '../../options/retention.ts';
import { partsMarginMs } from '../../options/retention.ts';
import type { PartitionState } from '../core/partition-state.ts';
import type { StateJournal } from '../journal/state-journal.ts';
import { carryOut, type Deletion, type DeletionDeps } from './deletions.ts';
import { describePins } from './describe-pins.ts';
import { firstKeyAt, keyText } from './first-key.ts';
import { type Answers, endsOf, nameOf, offsetsOf } from './log-view.ts';
import { type PartsOf, planParts } from './parts-plan.ts';
import { NO_PINS } from './pin-book.ts';
import { type GroupProgress, oldestLeader, queueLimit, queuePin } from './queue-limit.ts';
import type { PinnedBy, RetentionPin } from './retention-health.ts';
import { askEach, type Findings, type Round } from './round.ts';
import { type Ends, olderBelow, parkedLimit } from './side-limits.ts';

export interface PurgeTopics {
  readonly queue: { readonly name: string; readonly partitions: number };
  readonly state: { readonly name: string; readonly partitions: number };
  readonly parked: { readonly name: string; readonly partitions: number };
  readonly parts: { readonly name: string; readonly partitions: number };
}

export interface PurgeDeps extends DeletionDeps {
  readonly group: string;
  readonly groups: readonly string[];
  readonly topics: PurgeTopics;
  readonly retention: KeepFinished;
  readonly journal: Pick<StateJournal, 'readToEnds' | 'settledConfirm' | 'lowestNeeded' | 'statePartition'>;
  readonly uploadTimeoutMs: () => number;
}

/** What one round knows. */
interface View {
  readonly round: Round;
  /** Of the partitions of which they were told. Of the state topic: of those that were read up to there. */
  readonly ends: Answers<Ends>;
  /** What is older than this in a topic beside the queue's is not of an upload, or a mark, that is on its way. */
  readonly sideTimeMs: number;
  readonly pinned: RetentionPin[];
  /** By name, the partitions about which nothing can be said in this round: something that decides about them was not told. */
  readonly unseen: Set<string>;
}

/**
 * Deletes what may go: of the queue, of parked tasks and of parts. One request a kind for all partitions; of partitions
 * where nothing can have changed nothing is asked.
 *
 * What is deleted of parts and parked tasks follows from facts that stay true. What is deleted of the queue follows from
 * frontiers, and an owner that was replaced may have missed that its group was set back; so it has its frontier
 * acknowledged anew, and deletes only then.
 *
 * Of a partition without a leader nothing is told, and what needs it waits for another round: the partition itself; with a
 * partition of the state topic the queue partitions that it has the journal of, and the parked tasks of each that shares a
 * parked partition with one of them; with a queue partition the parts that it may need. All else goes on.
 */
export class PurgeRounds {
  readonly #deps: PurgeDeps;
  /** The first record of each partition's log, as it was told last. */
  readonly #starts = new WeakMap<PartitionState, number>();
  #pinned: readonly RetentionPin[] = [];

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
    if (queued.length === 0 && sides.length === 0) {
      this.#pinned = [];
      return nothing;
    }
    const ends = endsOf(
      await journal.readToEnds(() =>
        askEach(round, (admin) =>
          admin.eachLogEnds([
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
    const view: View = { round, ends, sideTimeMs, pinned: [], unseen: new Set() };
    const sidesTold = seenOf(view, sides, ends);
    const filled = sidesTold.filter((place) => ends.of(place).end > ends.of(place).start);
    const old = await this.#offsetsForTime(view, filled, sideTimeMs);
    const aged = seenOf(view, filled, old);
    const deletions = [
      ...(await this.#planQueue(view, queued)),
      ...(await this.#planParked(view, aged, old)),
    ];
    await this.#delete(view, deletions);
    // Only now: where a log of the queue begins decides about the parts.
    await this.#purgeParts(view, aged, old);
    // What is not seen now is as it was.
    const before = this.#pinned.filter((pin) => view.unseen.has(nameOf(pin)));
    this.#pinned = [...view.pinned, ...before];
    return {
      pinned: this.#pinned,
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
    const numbers = queued.map(({ partition }) => journal.statePartition(partition));
    const parked = owned.filter(({ partition }) => partition < topics.parked.partitions);
    return [...new Set([...numbers, ...parked.flatMap(({ partition }) => this.#marksOf(partition))])];
  }

  /** The state partitions that have the marks of what is in a parked partition. */
  #marksOf(parkedPartition: number): readonly number[] {
    const { topics, journal } = this.#deps;
    const numbers: number[] = [];
    for (let served = parkedPartition; served < topics.queue.partitions; served += topics.parked.partitions) {
      numbers.push(journal.statePartition(served));
    }
    return numbers;
  }

  /** Whether the journal was read, in this round, as far as these partitions of the state topic go. */
  #isRead({ ends }: View, statePartitions: readonly number[]): boolean {
    const topic = this.#deps.topics.state.name;
    return statePartitions.every((partition) => ends.has({ topic, partition }));
  }

  async #offsetsForTime(
    { round }: View,
    places: readonly TopicPartition[],
    timeMs: number,
  ): Promise<Answers<number | undefined>> {
    if (places.length === 0 || timeMs <= 0)
      return offsetsOf(places.map((place) => ({ ...place, offset: 0 })));
    return offsetsOf(await askEach(round, (admin) => admin.offsetsForTime(places, timeMs)));
  }

  async #planQueue(view: View, queued: readonly PartitionState[]): Promise<readonly Deletion[]> {
    const { topics, journal } = this.#deps;
    const topic = topics.queue.name;
    const { round, ends, pinned, unseen } = view;
    const filled: PartitionState[] = [];
    for (const one of queued) {
      const place = { topic, partition: one.partition };
      if (!ends.has(place) || !this.#isRead(view, [journal.statePartition(one.partition)])) {
        unseen.add(nameOf(place));
        continue;
      }
      const { start, end } = ends.of(place);
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
      if (!young.has(place)) {
        unseen.add(nameOf(place));
        continue;
      }
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
    view: View,
    aged: readonly TopicPartition[],
    old: Answers<number | undefined>,
  ): Promise<readonly Deletion[]> {
    const { round, ends, sideTimeMs, pinned, unseen } = view;
    const { topics, journal, retention } = this.#deps;
    const { name, partitions } = topics.parked;
    const parked = aged.filter(({ topic }) => topic === name);
    if (sideTimeMs <= 0 || parked.length === 0) return [];
    const described = await round.ask((admin) => admin.describeTopics([name]));
    const lowest = journal.lowestNeeded((served) => served % partitions, described.get(name)?.id);
    return parked.flatMap((place) => {
      const owner = ownerOf(round, place);
      if (owner === undefined) return [];
      if (!this.#isRead(view, this.#marksOf(place.partition))) {
        unseen.add(nameOf(place));
        return [];
      }
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
    view: View,
    aged: readonly TopicPartition[],
    old: Answers<number | undefined>,
  ): Promise<void> {
    const { round, ends, sideTimeMs, pinned, unseen } = view;
    const { topics, retention } = this.#deps;
    const { name } = topics.parts;
    if (sideTimeMs <= 0) return;
    const candidates: PartsOf[] = [];
    for (const place of aged) {
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
    const planned = new Set(plans.map(({ place }) => nameOf(place)));
    for (const { place } of candidates) if (!planned.has(nameOf(place))) unseen.add(nameOf(place));
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
    await this.#delete(view, deletions);
  }

  async #delete(view: View, planned: readonly Deletion[]): Promise<void> {
    for (const [owner, start] of await carryOut(this.#deps, view, planned)) this.#starts.set(owner, start);
  }
}

const nothing: Findings = { pinned: [], alarms: [], describe: () => Promise.resolve(NO_PINS) };

/** Those of which this was told; the others are not seen in this round. */
function seenOf(
  { unseen }: View,
  places: readonly TopicPartition[],
  told: Answers<unknown>,
): readonly TopicPartition[] {
  for (const place of places) if (!told.has(place)) unseen.add(nameOf(place));
  return places.filter((place) => told.has(place));
}

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
