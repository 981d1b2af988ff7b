import { describe, expect, it } from 'vitest';
import type { Admin } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import { planParts } from './parts-plan.ts';
import type { Round } from './round.ts';

const KEEP_MS = 1_000;
const BEHIND_MS = 500;
const NOW_MS = 1_000_000;

const noLeader = { kind: 'transient', code: 5, message: 'no leader' } as const;

/** By its name, how old the records of a log are, the first one first. */
type Logs = Readonly<Record<string, readonly number[]>>;

/** What is not told: of whom, by which call, and by the how manieth of those. */
type Untold = readonly [name: string, call: 'eachLogEnds' | 'offsetsForTime', nth?: number];

/** Two partitions of parts serve these logs of the queue, 0 and 2 by the first, 1 and 3 by the second. */
async function plan(logs: Logs, nowMs = NOW_MS, untold?: Untold) {
  const asked: { readonly timeMs: number; readonly places: readonly string[] }[] = [];
  const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
  let count = 0;
  const isUntold = (place: TopicPartition, by: Untold[1]): boolean => {
    const [name, call, nth = 1] = untold ?? [];
    if (name !== nameOf(place) || call !== by) return false;
    count += 1;
    return count === nth;
  };
  const noted: string[] = [];
  const ask = <T>(request: (of: Admin) => Promise<T>): Promise<T> => request(admin as never); // all that is asked for
  const round = { ask, brokerNowMs: nowMs, untold: (place: TopicPartition) => noted.push(nameOf(place)) };
  const admin = {
    eachLogEnds: async (places: readonly TopicPartition[]) =>
      places.map((place) => {
        if (isUntold(place, 'eachLogEnds')) return { ...place, failure: noLeader };
        return { ...place, start: 0, end: logs[nameOf(place)]?.length ?? 0 };
      }),
    offsetsForTime: async (places: readonly TopicPartition[], timeMs: number) => {
      asked.push({ timeMs, places: places.map(nameOf) });
      return places.map((place) => {
        if (isUntold(place, 'offsetsForTime')) return { ...place, failure: noLeader };
        const at = (logs[nameOf(place)] ?? []).findIndex((ageMs) => nowMs - ageMs >= timeMs);
        return { ...place, offset: at < 0 ? undefined : at };
      });
    },
  };
  const candidates = [0, 1].map((partition) => {
    const end = logs[`parts/${partition}`]?.length ?? 0;
    return { place: { topic: 'parts', partition }, log: { start: 0, end }, oldBelow: end };
  });
  const plans = await planParts(round as unknown as Round, {
    topics: { queue: { name: 'q', partitions: 4 }, parts: { partitions: 2 } },
    candidates: candidates.filter(({ log }) => log.end > 0),
    keepMs: KEEP_MS,
    behindMs: BEHIND_MS,
  });
  const of = new Map(plans.map((one) => [one.place.partition, { below: one.below, by: one.pinnedBy }]));
  return { of: (partition: number) => of.get(partition), asked, noted };
}

const OLD_MS = KEEP_MS + BEHIND_MS;

describe('parts may go', () => {
  it('when they are as old as finished tasks are kept, and an upload, when the queue is empty', async () => {
    const { of, asked } = await plan({ 'parts/0': [OLD_MS + 2, OLD_MS + 1, OLD_MS, 10] });
    expect(of(0)).toEqual({ below: 2, by: undefined });
    // Of logs that hold nothing no time is asked for.
    expect(asked).toEqual([{ timeMs: NOW_MS - OLD_MS, places: ['parts/0'] }]);
  });

  it('below what the oldest task of the queue partitions they serve may need, and of no other', async () => {
    const { of } = await plan({
      'q/2': [2 * KEEP_MS - 1, 10],
      'q/1': [10],
      'parts/0': [2 * KEEP_MS + BEHIND_MS + 1, 2 * KEEP_MS + BEHIND_MS, OLD_MS + 1],
      'parts/1': [OLD_MS + 1, OLD_MS],
    });
    expect(of(0)).toEqual({ below: 1, by: undefined });
    expect(of(1)).toEqual({ below: 1, by: undefined });
  });

  it('is asked no further once all is known', async () => {
    const { asked } = await plan({ 'q/0': [10], 'q/1': [10], 'parts/0': [10], 'parts/1': [10] });
    expect(asked).toEqual([
      { timeMs: NOW_MS - KEEP_MS, places: ['q/0', 'q/1'] },
      { timeMs: NOW_MS - OLD_MS, places: ['parts/0', 'parts/1'] },
    ]);
  });

  it('late where a task is much older than it would be kept, and that one is named', async () => {
    const { of } = await plan({
      'q/3': [5 * KEEP_MS],
      'q/1': [3 * KEEP_MS],
      'parts/1': [8 * KEEP_MS + BEHIND_MS + 1, 10],
    });
    expect(of(1)).toEqual({ below: 1, by: 3 });
  });

  it('not at all where a task is older than all times that are tried', async () => {
    const { of } = await plan({ 'q/0': [65 * KEEP_MS], 'parts/0': [70 * KEEP_MS], 'parts/1': [OLD_MS + 1] });
    expect(of(0)).toEqual({ below: 0, by: 0 });
    expect(of(1)).toEqual({ below: 1, by: undefined });
  });

  it.each<{ readonly untold: Untold }>([
    { untold: ['q/2', 'eachLogEnds'] },
    { untold: ['q/2', 'offsetsForTime'] },
    // A time that was tried later, when the others were known to be younger.
    { untold: ['q/2', 'offsetsForTime', 3] },
    { untold: ['parts/0', 'offsetsForTime'] },
  ])('not at all where something is not told, and elsewhere as ever: $untold', async ({ untold }) => {
    const logs = {
      'q/0': [10],
      'q/2': [2 * KEEP_MS - 1],
      'parts/0': [9 * KEEP_MS],
      'parts/1': [OLD_MS + 1, 10],
    };
    expect((await plan(logs)).of(0)).toEqual({ below: 1, by: undefined });
    const { of, noted } = await plan(logs, NOW_MS, untold);
    expect([of(0), of(1)]).toEqual([undefined, { below: 1, by: undefined }]);
    expect(noted).toEqual([untold[0]]);
  });

  it('not before there was time for it', async () => {
    const { of, asked } = await plan({ 'parts/0': [OLD_MS] }, OLD_MS);
    expect(of(0)).toEqual({ below: 0, by: undefined });
    expect(asked).toEqual([]);
    expect((await plan({ 'parts/0': [OLD_MS + 1] }, OLD_MS + 1)).of(0)).toEqual({ below: 1, by: undefined });
  });
});
