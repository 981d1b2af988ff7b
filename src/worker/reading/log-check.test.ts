import { expect, it } from 'vitest';
import type { LogSeen } from '../core/log-seen.ts';
import { PartitionState } from '../core/partition-state.ts';
import { LogCheck } from './log-check.ts';

type Log = Omit<LogSeen, 'readTo'>;

const log: Log = { start: 0, end: 5, topicId: 't', statePin: 's', left: undefined };

function running(number: number): PartitionState {
  const partition = new PartitionState(number);
  for (const phase of ['inspecting', 'taking', 'confirming', 'running'] as const) partition.move(phase);
  partition.nextOffset = 5;
  return partition;
}

/** Looks at two partitions, of which one is worked on. */
function checking(answer: () => Promise<Log> = async () => log): {
  check: LogCheck;
  partition: PartitionState;
  seen: LogSeen[];
} {
  const partition = running(0);
  const seen: LogSeen[] = [];
  const check = new LogCheck(
    {
      partitions: () => [new PartitionState(1), partition],
      look: async (asked) => {
        const told = await answer();
        return new Map(asked.map((one) => [one, told]));
      },
      onSeen: (_partition, one) => seen.push(one),
    },
    0,
  );
  return { check, partition, seen };
}

it('tells of the logs of partitions that are worked on, and how far they had been read before', async () => {
  const { check, partition, seen } = checking(async () => {
    partition.nextOffset = 9; // meanwhile
    return log;
  });
  expect([check.isDue(9_999), check.isDue(10_000)]).toEqual([false, true]);
  await check.look(20_000);
  expect(seen).toEqual([{ ...log, readTo: 5, nothingAsked: true }]);
  expect([check.isDue(29_999), check.isDue(30_000)]).toEqual([false, true]);
});

it('tells when there was nothing to ask leaders about as it began', async () => {
  const { check, partition, seen } = checking(async () => {
    partition.logRead.took(0, 5); // meanwhile
    return log;
  });
  await check.look(20_000);
  await check.look(40_000);
  expect(seen).toEqual([
    { ...log, readTo: 5, nothingAsked: true },
    { ...log, readTo: 5 },
  ]);
});

it('looks sooner when a reader has met something, once', async () => {
  const { check } = checking();
  check.want();
  expect([check.isDue(999), check.isDue(1_000)]).toEqual([false, true]);
  await check.look(1_000);
  expect([check.isDue(10_999), check.isDue(11_000)]).toEqual([false, true]);
});

it('looks at once when a reading waits for it, and again soon when it still does', async () => {
  const { check, partition } = checking();
  partition.logRead.begin({ leaderEpoch: 1, below: 5 });
  partition.logRead.admits(2);
  check.wantNow();
  expect(check.isDue(0)).toBe(true);
  await check.look(0);
  expect([check.isDue(999), check.isDue(1_000)]).toEqual([false, true]);
  partition.logRead.believe(undefined);
  await check.look(1_000);
  expect([check.isDue(9_999), check.isDue(10_000)]).toEqual([false, true]);
});

it('looks again soon at a log that ends too early', async () => {
  const { check, partition } = checking();
  partition.endedAt = 5;
  await check.look(20_000);
  expect([check.isDue(20_999), check.isDue(21_000)]).toEqual([false, true]);
});

it('looks once at a time, and asks again when the brokers do not answer', async () => {
  let answer: (error: Error) => void = () => {};
  let asked = 0;
  const { check, seen } = checking(() => {
    asked += 1;
    if (asked > 1) return Promise.resolve(log);
    return new Promise((_resolve, reject) => {
      answer = reject;
    });
  });
  const looking = check.look(20_000);
  expect(check.isDue(90_000)).toBe(false);
  answer(new Error('no answer'));
  await looking;
  expect([seen, check.isDue(90_000)]).toEqual([[], true]);
  await check.look(90_000);
  expect(seen).toHaveLength(1);
});

it('looks at the topics while all it has is halted, too: what operators say may be in a new one', async () => {
  const { check, partition, seen } = checking();
  partition.endedAt = 4;
  partition.move('halted');
  await check.look(20_000);
  expect(seen).toHaveLength(1);
  expect([check.isDue(29_999), check.isDue(30_000)]).toEqual([false, true]);
});

it('asks about those that wait without the others: of those one may have no leader for hours', async () => {
  const [waiting, stranded] = [running(0), running(1)];
  waiting.logRead.begin({ leaderEpoch: 1, below: 5 });
  waiting.logRead.admits(2);
  const seen: PartitionState[] = [];
  let open = 0;
  const check = new LogCheck(
    {
      partitions: () => [waiting, stranded],
      look: (asked) => {
        open += 1;
        if (asked.includes(stranded)) return new Promise(() => {});
        return Promise.resolve(new Map(asked.map((one) => [one, log])));
      },
      onSeen: (partition) => {
        seen.push(partition);
        partition.logRead.believe(undefined);
      },
    },
    0,
  );
  void check.look(20_000); // of both, and it does not end
  check.wantNow();
  expect(check.isDue(20_001)).toBe(true);
  await check.look(20_001);
  expect([open, seen, check.isDue(90_000)]).toEqual([2, [waiting], false]);
});

it('asks again about those that wait of which nothing was told, and no more about the others', async () => {
  const partitions = [running(0), running(1)];
  for (const { logRead } of partitions) {
    logRead.begin({ leaderEpoch: 1, below: 5 });
    logRead.admits(2);
  }
  const asked: number[][] = [];
  const check = new LogCheck(
    {
      partitions: () => partitions,
      look: async (group) => {
        asked.push(group.map(({ partition }) => partition));
        // Partition 1 has no leader.
        return new Map(group.filter(({ partition }) => partition !== 1).map((one) => [one, log]));
      },
      onSeen: ({ logRead }) => logRead.believe(undefined),
    },
    0,
  );
  check.wantNow();
  await check.look(0);
  expect([check.isDue(999), check.isDue(1_000)]).toEqual([false, true]);
  await check.look(1_000);
  expect([check.isDue(1_999), check.isDue(2_000)]).toEqual([false, true]);
  await check.look(2_000);
  expect(asked).toEqual([[0, 1], [1], [1]]);
});
