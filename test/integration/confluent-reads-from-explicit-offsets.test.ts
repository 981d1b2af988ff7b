import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { IncomingRecord, KafkaFailure, Reader } from '../../src/kafka/port.ts';
import { readUntil, record, World } from './confluent-world.ts';

const PARTITIONS = 6;
const RECORDS = 400;

async function filled(): Promise<World> {
  const world = await World.open(PARTITIONS);
  const appender = await world.appender();
  const append = (partition: number, from: number, count: number) =>
    appender.append({
      topic: world.topic,
      partition,
      records: Array.from({ length: count }, (_, index) => record(String(from + index))),
    });
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    await append(partition, 0, 1);
    await append(partition, 1, RECORDS - 1);
  }
  return world;
}

/** A small generator, so that a failing schedule can be run again. */
function dice(seed: number): (sides: number) => number {
  let state = seed;
  return (sides) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * sides);
  };
}

test.each([1, 2, 3])(
  'moves and pauses in any order neither lose, repeat nor stall records (schedule %i)',
  async (seed) => {
    await using world = await filled();
    const reader = await world.reader();
    const roll = dice(seed);
    /** What must come next, by partition; undefined while not assigned. */
    const expected = new Map<number, number>();
    const check = (records: readonly IncomingRecord[]) => {
      for (const { partition, offset, value } of records) {
        expect(offset, `partition ${partition}`).toBe(expected.get(partition));
        expect(value?.toString()).toBe(String(offset));
        expected.set(partition, offset + 1);
      }
    };
    for (let step = 0; step < 150; step += 1) {
      const partition = roll(PARTITIONS);
      const [one] = world.partitions(partition);
      if (one === undefined) throw new Error('a partition');
      const what = roll(6);
      if (what <= 1) {
        const offset = roll(RECORDS);
        await reader.assign([{ ...one, offset }]);
        expected.set(partition, offset);
      } else if (what === 2) await reader.pause([one]);
      else if (what === 3) await reader.resume([one]);
      else if (what === 4) {
        await reader.unassign([one]);
        expected.delete(partition);
      }
      check(await reader.poll(1 + roll(40)));
    }
    const all = world.partitions(...Array.from({ length: PARTITIONS }, (_, index) => index));
    await reader.resume(all);
    for (const one of all) {
      if (expected.has(one.partition)) continue;
      await reader.assign([{ ...one, offset: 0 }]);
      expected.set(one.partition, 0);
    }
    await drain(reader, check, () => [...expected.values()].every((offset) => offset === RECORDS));
  },
);

function drain(
  reader: Reader,
  check: (records: readonly IncomingRecord[]) => void,
  done: () => boolean,
): Promise<unknown> {
  let seen = 0;
  if (done()) return Promise.resolve();
  return readUntil(reader, (records) => {
    check(records.slice(seen));
    seen = records.length;
    return done();
  });
}

test('a paused partition hands out nothing and goes on where it was', async () => {
  await using world = await filled();
  const reader = await world.reader();
  const [first, second] = world.partitions(0, 1);
  if (first === undefined || second === undefined) throw new Error('two partitions');
  await reader.assign([{ ...first, offset: 10 }]);
  const before = await readUntil(reader, ({ length }) => length >= 1);
  await reader.pause([first]);
  await reader.assign([{ ...second, offset: 0 }]);
  const meanwhile = await readUntil(reader, ({ length }) => length >= RECORDS);
  expect(meanwhile.every(({ partition }) => partition === 1)).toBe(true);
  await reader.resume([first]);
  const after = await readUntil(reader, (records) => records.at(-1)?.offset === RECORDS - 1);
  expect([...before, ...after].map(({ offset }) => offset)).toEqual(
    Array.from({ length: RECORDS - 10 }, (_, index) => index + 10),
  );
});

test('a paused partition goes on soon after it is resumed: its client is not asleep', async () => {
  await using world = await filled();
  const reader = await world.reader({ fetchWaitMs: 10 });
  const [one] = world.partitions(0);
  if (one === undefined) throw new Error('a partition');
  await reader.assign([{ ...one, offset: 0 }]);
  const readOne = async (): Promise<IncomingRecord> => {
    for (;;) {
      const [record] = await reader.poll(1);
      if (record !== undefined) return record;
      await delay(2);
    }
  };
  expect((await readOne()).offset).toBe(0);
  const waitedMs: number[] = [];
  for (let round = 1; round <= 7; round += 1) {
    await reader.pause([one]);
    await delay(200); // whoever fetches has nothing to do meanwhile
    const startMs = performance.now();
    await reader.resume([one]);
    const { offset } = await readOne();
    waitedMs.push(performance.now() - startMs);
    expect(offset).toBe(round);
  }
  waitedMs.sort((a, b) => a - b);
  // A client that is asleep wakes up once a second.
  expect(waitedMs[3], waitedMs.join()).toBeLessThan(500);
});

test('an offset that the log does not have is a problem, and other partitions go on', async () => {
  await using world = await filled();
  const reader = await world.reader();
  const problems: KafkaFailure[] = [];
  reader.onProblem((failure) => problems.push(failure));
  const [first, second] = world.partitions(0, 1);
  if (first === undefined || second === undefined) throw new Error('two partitions');
  await reader.assign([
    { ...first, offset: RECORDS + 1_000 },
    { ...second, offset: 0 },
  ]);
  await readUntil(reader, ({ length }) => length >= RECORDS);
  const polledProblems = async () => {
    await reader.poll(1);
    return problems.length;
  };
  await expect.poll(polledProblems, { timeout: 10_000 }).toBeGreaterThan(0);
  expect(problems[0]).toMatchObject({ code: -140 });
  // The partition is silent now, not broken.
  await reader.assign([{ ...first, offset: RECORDS - 1 }]);
  const [last] = await readUntil(reader, ({ length }) => length >= 1);
  expect(last).toMatchObject({ partition: 0, offset: RECORDS - 1 });
});
