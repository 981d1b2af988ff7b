import { expect, it } from 'vitest';
import type { LogEnds } from '../../kafka/admin.ts';
import { PartitionState } from '../core/partition-state.ts';
import type { SweepFeed } from './sweep-feed.ts';
import { Watchdog } from './watchdog.ts';

/** Watches partitions that bring nothing; one, if not said otherwise. */
function watching(
  logEnds: () => Promise<readonly LogEnds[]>,
  onTailStalled: (logStart: number, partition: number) => void,
  count = 1,
): Watchdog {
  const partitions = Array.from({ length: count }, (_, number) => new PartitionState(number));
  for (const phase of ['inspecting', 'taking', 'confirming', 'running'] as const) {
    for (const partition of partitions) partition.move(phase);
  }
  return new Watchdog(
    {
      partitions: () => partitions,
      sweeps: { stalled: () => [] } as Pick<SweepFeed, 'stalled'> as SweepFeed,
      isReading: () => true,
      logEnds,
      onTailStalled: ({ partition }, logStart) => onTailStalled(logStart, partition),
      onSweepStalled: () => {},
    },
    0,
  );
}

const ends: LogEnds = { topic: 'q', partition: 0, start: 0, end: 5 };

it('tells of a partition that has brought nothing between two looks although its log has more', async () => {
  const told: number[] = [];
  const watchdog = watching(
    async () => [ends],
    (logStart) => told.push(logStart),
  );
  await watchdog.look(30_000);
  expect(told).toEqual([]);
  await watchdog.look(60_000);
  expect(told).toEqual([0]);
});

it('asks again at the next look when the brokers do not answer', async () => {
  const told: number[] = [];
  let asked = 0;
  const watchdog = watching(
    async () => {
      asked += 1;
      if (asked === 1) throw new Error('no answer');
      return [ends];
    },
    (logStart) => told.push(logStart),
  );
  for (const nowMs of [30_000, 60_000, 90_000]) await watchdog.look(nowMs);
  expect([asked, told]).toEqual([2, [0]]);
  expect(watchdog.isDue(120_000)).toBe(true);
});

it('tells of those whose leaders answer, and asks again about the others', async () => {
  const told: number[] = [];
  let answers: readonly LogEnds[] = [{ ...ends, partition: 1 }];
  const watchdog = watching(
    async () => answers,
    (_, partition) => told.push(partition),
    2,
  );
  for (const nowMs of [30_000, 60_000]) await watchdog.look(nowMs);
  expect(told).toEqual([1]);
  answers = [ends];
  await watchdog.look(90_000);
  expect(told).toEqual([1, 0]);
});

it('passes on what is thrown by whoever it tells', async () => {
  const watchdog = watching(
    async () => [ends],
    () => {
      throw new Error('a bug');
    },
  );
  await watchdog.look(30_000);
  await expect(watchdog.look(60_000)).rejects.toThrow('a bug');
});
