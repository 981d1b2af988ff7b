import type { TopicPartition } from '../../kafka/port.ts';
import { endsOf, offsetsOf } from './log-view.ts';
import { askEach, type Round } from './round.ts';
import { type Ends, isYounger, olderBelow, timesToTry, USUAL_MULTIPLE } from './side-limits.ts';

/** A partition of the parts topic. */
export interface PartsOf {
  readonly place: TopicPartition;
  /** As they were before any time was asked for. */
  readonly log: Ends;
  /** Below it everything would be old enough, were it not for the queue. */
  readonly oldBelow: number;
}

/** Parts below are needed by nothing that is in the queue, or may still come there. */
interface PartsPlan extends PartsOf {
  readonly below: number;
  /** The queue partition whose log begins with tasks that are much older than they are kept for. */
  readonly pinnedBy: number | undefined;
}

interface PartsQuestion {
  readonly topics: {
    readonly queue: { readonly name: string; readonly partitions: number };
    readonly parts: { readonly partitions: number };
  };
  readonly candidates: readonly PartsOf[];
  readonly keepMs: number;
  /** How much older than the tasks of a queue their parts may be: the time for an upload, and a margin. */
  readonly behindMs: number;
}

/** Of one parts partition: the queue partitions whose logs were not found to be younger yet. */
interface Open extends PartsOf {
  readonly left: Set<number>;
  pinnedBy: number | undefined;
}

/**
 * Finds for each partition the youngest time that no task of its queue partitions is older than, from where their logs
 * begin: finished or not, a task in the log may run (again), and has its parts. What is older than that, by as much as an
 * upload may take and a margin, belongs to nothing that is there. What comes later either began later, or is void.
 *
 * Of parts partitions that serve a queue partition of which something is not told, there is no plan: how old its tasks are is
 * not known, and so it may need all of them.
 */
export async function planParts(round: Round, question: PartsQuestion): Promise<readonly PartsPlan[]> {
  const { topics, candidates, keepMs, behindMs } = question;
  const { queue, parts } = topics;
  const open = new Set<Open>(
    candidates.map((one) => {
      const left = new Set<number>();
      for (let q = one.place.partition; q < queue.partitions; q += parts.partitions) left.add(q);
      return { ...one, left, pinnedBy: undefined };
    }),
  );
  const served = placesOf(open, queue.name);
  const ends = endsOf(await askEach(round, (admin) => admin.eachLogEnds(served)));
  dropUntold(open, (partition) => ends.has({ topic: queue.name, partition }));
  const plans: PartsPlan[] = [];
  for (const { multiple, timeMs } of timesToTry(round.brokerNowMs, keepMs)) {
    const asked = placesOf(open, queue.name).filter((place) => {
      const { start, end } = ends.of(place);
      return end > start;
    });
    const found = offsetsOf(
      asked.length === 0 ? [] : await askEach(round, (admin) => admin.offsetsForTime(asked, timeMs)),
    );
    const untold = new Set(asked.filter((place) => !found.has(place)).map(({ partition }) => partition));
    dropUntold(open, (partition) => !untold.has(partition));
    for (const one of open) {
      for (const partition of one.left) {
        const place = { topic: queue.name, partition };
        const log = ends.of(place);
        // Younger than this time, and so than all that are tried after it.
        if (log.start === log.end || isYounger(log, found.of(place))) one.left.delete(partition);
      }
      if (multiple === USUAL_MULTIPLE) one.pinnedBy = one.left.values().next().value;
    }
    const ready = [...open].filter(({ left }) => left.size === 0);
    for (const plan of await belowTime(round, ready, Math.floor(timeMs - behindMs))) plans.push(plan);
    for (const one of ready) open.delete(one);
    if (open.size === 0) break;
  }
  for (const { place, log, oldBelow, left } of open) {
    plans.push({ place, log, oldBelow, below: log.start, pinnedBy: left.values().next().value });
  }
  return plans;
}

async function belowTime(
  round: Round,
  ready: readonly Open[],
  timeMs: number,
): Promise<readonly PartsPlan[]> {
  if (ready.length === 0) return [];
  const places = ready.map(({ place }) => place);
  const found =
    timeMs <= 0
      ? undefined
      : offsetsOf(await askEach(round, (admin) => admin.offsetsForTime(places, timeMs)));
  return ready
    .filter(({ place }) => found?.has(place) !== false)
    .map(({ place, log, oldBelow, pinnedBy }) => ({
      place,
      log,
      oldBelow,
      below: found === undefined ? log.start : Math.max(log.start, olderBelow(log, found.of(place))),
      pinnedBy,
    }));
}

/** Forgets parts partitions that serve a queue partition of which something was asked and not told. */
function dropUntold(open: Set<Open>, isTold: (queuePartition: number) => boolean): void {
  for (const one of open) if (![...one.left].every(isTold)) open.delete(one);
}

function placesOf(open: Iterable<Open>, topic: string): readonly TopicPartition[] {
  return [...open].flatMap(({ left }) => [...left].map((partition) => ({ topic, partition })));
}
