import { describe, expect, it } from 'vitest';
import type { KafkaFailure } from '../../src/kafka/port.ts';
import type { Subject } from './port-conformance.ts';
import { numbered, offsetsOf, PARTITIONS, valuesOf } from './port-under-test.ts';

export function describeReading(subject: Subject): void {
  const { bench } = subject;
  describe('reading', () => {
    it('starts at the offset it is told', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 6));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 4 }]);
      const records = await b.readRecords(reader, 2);
      expect(offsetsOf(records)).toEqual([4, 5]);
      expect(valuesOf(records)).toEqual(['v4', 'v5']);
      expect(await b.readTheRest(reader)).toEqual([]);
    });

    it('waits at the end of a log, and calls when there is something', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, ['old']);
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 1 }]);
      expect(await b.readTheRest(reader)).toEqual([]);
      let calls = 0;
      reader.onReadable(() => {
        calls += 1;
      });
      await b.append(partition, ['new']);
      await b.until(() => calls > 0, 'the reader called');
      expect(valuesOf(await b.readRecords(reader, 1))).toEqual(['new']);
    });

    it('hands out no more than asked for', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 5));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      const sizes: number[] = [];
      const seen: number[] = [];
      await b.until(async () => {
        const records = await reader.poll(2);
        sizes.push(records.length);
        seen.push(...offsetsOf(records));
        return seen.length >= 5;
      }, 'five records were read');
      expect(Math.max(...sizes)).toBeLessThanOrEqual(2);
      expect(seen).toEqual([0, 1, 2, 3, 4]);
    });

    it('reads several partitions, each in order', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const appender = await b.appender();
      const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);
      for (const partition of partitions) {
        await b.append({ topic, partition }, numbered(`p${partition}-`, 5), appender);
      }
      const reader = await b.reader();
      await reader.assign(partitions.map((partition) => ({ topic, partition, offset: partition })));
      const records = await b.readRecords(reader, 5 + 4 + 3 + 2);
      for (const partition of partitions) {
        const own = records.filter((record) => record.partition === partition);
        expect(valuesOf(own)).toEqual(numbered(`p${partition}-`, 5).slice(partition));
      }
    });

    it('moves back when assigned again, and hands out nothing of the older position', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 8));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 5 }]);
      expect(offsetsOf(await b.readRecords(reader, 1))).toEqual([5]);
      await reader.assign([{ ...partition, offset: 2 }]);
      expect(offsetsOf(await b.readRecords(reader, 6))).toEqual([2, 3, 4, 5, 6, 7]);
      await reader.assign([{ ...partition, offset: 0 }]);
      await reader.assign([{ ...partition, offset: 7 }]);
      expect(offsetsOf(await b.readRecords(reader, 1))).toEqual([7]);
      expect(await b.readTheRest(reader)).toEqual([]);
    });

    it('hands out nothing of a poll begun before an assign once that has resolved', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 20));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      const order: string[] = [];
      const early = reader.poll(5).then((records) => {
        order.push('poll');
        return records;
      });
      const assigned = reader.assign([{ ...partition, offset: 12 }]).then(() => order.push('assign'));
      await Promise.all([early, assigned]);
      expect(order).toEqual(['poll', 'assign']);
      expect(offsetsOf(await b.readRecords(reader, 8))).toEqual([12, 13, 14, 15, 16, 17, 18, 19]);
    });

    it('hands out nothing of a partition that was unassigned, and goes on with others', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const appender = await b.appender();
      await b.append({ topic, partition: 0 }, numbered('a', 6), appender);
      await b.append({ topic, partition: 1 }, numbered('b', 6), appender);
      const reader = await b.reader();
      await reader.assign([
        { topic, partition: 0, offset: 0 },
        { topic, partition: 1, offset: 0 },
      ]);
      const before = await b.readRecords(reader, 1);
      await reader.unassign([
        { topic, partition: 0 },
        { topic, partition: 2 },
      ]);
      const missing = 6 - before.filter((record) => record.partition === 1).length;
      const after = [...(await b.readRecords(reader, missing)), ...(await b.readTheRest(reader))];
      expect(after.every((record) => record.partition === 1)).toBe(true);
      expect(after).toHaveLength(missing);
      await reader.assign([{ topic, partition: 0, offset: 3 }]);
      expect(offsetsOf(await b.readRecords(reader, 3))).toEqual([3, 4, 5]);
    });

    it('keeps the position of a paused partition', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const appender = await b.appender();
      await b.append(partition, numbered('v', 6), appender);
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      expect(offsetsOf(await b.readRecords(reader, 2))).toEqual([0, 1]);
      await reader.pause([partition]);
      await b.append(partition, ['late'], appender);
      expect(await b.readTheRest(reader)).toEqual([]);
      await reader.resume([partition]);
      expect(offsetsOf(await b.readRecords(reader, 5))).toEqual([2, 3, 4, 5, 6]);
    });

    it('reads a paused partition again once it is assigned again', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 3));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      await reader.pause([partition]);
      await reader.assign([{ ...partition, offset: 1 }]);
      expect(offsetsOf(await b.readRecords(reader, 2))).toEqual([1, 2]);
      await reader.pause([partition]);
      await reader.unassign([partition]);
      await reader.assign([{ ...partition, offset: 2 }]);
      expect(offsetsOf(await b.readRecords(reader, 1))).toEqual([2]);
    });

    it('ignores pausing and resuming what is not assigned', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      await b.append({ topic, partition: 0 }, ['v']);
      const reader = await b.reader();
      await reader.pause([{ topic, partition: 0 }]);
      await reader.resume([{ topic, partition: 1 }]);
      await reader.assign([{ topic, partition: 0, offset: 0 }]);
      expect(valuesOf(await b.readRecords(reader, 1))).toEqual(['v']);
    });

    it('lets two readers go their own ways', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 4));
      const [one, other] = [await b.reader(), await b.reader()];
      await one.assign([{ ...partition, offset: 0 }]);
      await other.assign([{ ...partition, offset: 2 }]);
      expect(offsetsOf(await b.readRecords(one, 4))).toEqual([0, 1, 2, 3]);
      expect(offsetsOf(await b.readRecords(other, 2))).toEqual([2, 3]);
    });

    describeOutOfRange(subject);
  });
}

function describeOutOfRange({ bench, can }: Subject): void {
  it('reports a position beyond the end, and goes on with other partitions', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const appender = await b.appender();
    await b.append({ topic, partition: 0 }, numbered('a', 3), appender);
    await b.append({ topic, partition: 1 }, numbered('b', 3), appender);
    const reader = await b.reader();
    const problems: KafkaFailure[] = [];
    reader.onProblem((problem) => problems.push(problem));
    // Alone first: the client drops an error that it meets after a record in one and the same call.
    await reader.assign([{ topic, partition: 0, offset: 1_000 }]);
    await b.until(async () => {
      expect(await reader.poll(10)).toEqual([]);
      return problems.length > 0;
    }, 'the position was reported');
    await reader.assign([{ topic, partition: 1, offset: 0 }]);
    expect(valuesOf(await b.readRecords(reader, 3))).toEqual(['b0', 'b1', 'b2']);
    expect(await b.readTheRest(reader)).toEqual([]);
    await reader.assign([{ topic, partition: 0, offset: 2 }]);
    expect(valuesOf(await b.readRecords(reader, 1))).toEqual(['a2']);
  });

  if (can.deletesRecords) {
    it('reports a position below the log start, and never jumps to another', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 6));
      await b.port.deleteBefore?.(partition, 4);
      const reader = await b.reader();
      const problems: KafkaFailure[] = [];
      reader.onProblem((problem) => problems.push(problem));
      await reader.assign([{ ...partition, offset: 1 }]);
      await b.until(async () => {
        expect(await reader.poll(10)).toEqual([]);
        return problems.length > 0;
      }, 'the position was reported');
      expect(await b.readTheRest(reader)).toEqual([]);
      const admin = await b.admin();
      expect(await admin.logEnds([partition])).toEqual([{ ...partition, start: 4, end: 6 }]);
      await reader.assign([{ ...partition, offset: 4 }]);
      expect(offsetsOf(await b.readRecords(reader, 2))).toEqual([4, 5]);
    });
  } else {
    it('keeps the log start where it is', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      await b.append(partition, numbered('v', 6));
      const admin = await b.admin();
      expect(await admin.logEnds([partition])).toEqual([{ ...partition, start: 0, end: 6 }]);
    });
  }
}
