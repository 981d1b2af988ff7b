import type { KeepForTime } from '../../options/retention.ts';
import { firstKeyAt } from './first-key.ts';
import { NO_PINS } from './pin-book.ts';
import type { RetentionAlarm } from './retention-health.ts';
import type { Findings, Round } from './round.ts';

/** Finds which partitions have an unfinished task that half of its time is over for, before Kafka deletes it. */
export function lookForOldTasks(where: {
  readonly topic: string;
  readonly retention: KeepForTime;
}): (round: Round) => Promise<Findings> {
  return (round) => look(round, where.topic, where.retention.timeMs);
}

async function look(
  { ask, partitions, brokerNowMs }: Round,
  topic: string,
  timeMs: number,
): Promise<Findings> {
  const halfMs = Math.floor(timeMs / 2);
  const places = partitions.map(({ partition }) => ({ topic, partition }));
  const frontiers = new Map(partitions.map((one) => [one.partition, one.committedFrontier]));
  const ends = await ask((admin) => admin.logEnds(places));
  const found = await ask((admin) => admin.offsetsForTime(places, Math.floor(brokerNowMs - halfMs)));
  const youngFrom = new Map(found.map(({ partition, offset }) => [partition, offset]));
  const alarms: RetentionAlarm[] = [];
  for (const state of partitions) {
    const { partition } = state;
    const end = ends.find((one) => one.partition === partition)?.end ?? 0;
    const frontier = frontiers.get(partition) ?? 0;
    if ((youngFrom.get(partition) ?? end) <= frontier) continue;
    alarms.push({
      partition,
      offset: BigInt(frontier),
      key: firstKeyAt(state, frontier),
      ageMs: halfMs,
      timeMs,
    });
  }
  return { pinned: [], alarms, describe: () => Promise.resolve(NO_PINS) };
}
