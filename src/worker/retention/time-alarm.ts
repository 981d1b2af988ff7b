import type { KeepForTime } from '../../options/retention.ts';
import { firstKeyAt } from './first-key.ts';
import { endsOf, offsetsOf } from './log-view.ts';
import { NO_PINS } from './pin-book.ts';
import type { RetentionAlarm } from './retention-health.ts';
import { askEach, type Findings, type Round } from './round.ts';

interface TimeLimit {
  readonly topic: string;
  readonly retention: KeepForTime;
}

/** Finds which partitions have an unfinished task that half of its time is over for, before Kafka deletes it. */
export function lookForOldTasks(where: TimeLimit): (round: Round) => Promise<Findings> {
  let before: readonly RetentionAlarm[] = [];
  return async (round) => {
    before = await look(round, where, before);
    return { pinned: [], alarms: before, describe: () => Promise.resolve(NO_PINS) };
  };
}

/** Of a partition of which not all is told now it is as it was `before`. */
async function look(
  round: Round,
  { topic, retention: { timeMs } }: TimeLimit,
  before: readonly RetentionAlarm[],
): Promise<readonly RetentionAlarm[]> {
  const halfMs = Math.floor(timeMs / 2);
  const places = round.partitions.map(({ partition }) => ({ topic, partition }));
  const frontiers = new Map(round.partitions.map((one) => [one.partition, one.committedFrontier]));
  const ends = endsOf(await askEach(round, (admin) => admin.eachLogEnds(places)));
  const halfAgoMs = Math.floor(round.brokerNowMs - halfMs);
  const found = offsetsOf(await askEach(round, (admin) => admin.offsetsForTime(places, halfAgoMs)));
  return round.partitions.flatMap((state) => {
    const { partition } = state;
    const place = { topic, partition };
    if (!ends.has(place) || !found.has(place)) return before.filter((one) => one.partition === partition);
    const frontier = frontiers.get(partition) ?? 0;
    if ((found.of(place) ?? ends.of(place).end) <= frontier) return [];
    return [{ partition, offset: BigInt(frontier), key: firstKeyAt(state, frontier), ageMs: halfMs, timeMs }];
  });
}
