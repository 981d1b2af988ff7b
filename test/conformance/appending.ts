import { describe, expect, it } from 'vitest';
import type { RecordHeader } from '../../src/kafka/port.ts';
import type { Subject } from './port-conformance.ts';
import { numbered, offsetsOf, recordOf, valuesOf } from './port-under-test.ts';

export function describeAppending({ bench }: Subject): void {
  describe('appending', () => {
    it('gives consecutive offsets in the order of the calls, and the time', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 1 };
      const appender = await b.appender();
      const results = [];
      const tookMs: number[] = [];
      for (const value of ['a', 'b', 'c']) {
        const startMs = performance.now();
        results.push(await appender.append({ ...partition, records: [recordOf(value)] }));
        tookMs.push(performance.now() - startMs);
      }

      expect(results.flatMap(({ outcomes }) => outcomes)).toMatchObject([
        { kind: 'appended', offset: 0 },
        { kind: 'appended', offset: 1 },
        { kind: 'appended', offset: 2 },
      ]);
      expect(results.map(({ incarnation }) => incarnation)).toEqual(Array(3).fill(appender.incarnation));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      const records = await b.readRecords(reader, 3);
      expect(valuesOf(records)).toEqual(['a', 'b', 'c']);
      for (const [index, record] of records.entries()) {
        const [outcome] = results[index]?.outcomes ?? [];
        const toldMs = outcome?.kind === 'appended' ? outcome.timestampMs : 0;
        // Both are times of the append: when the broker wrote it, or (embedded) when it was sent and when it was answered.
        const apartMs = Math.abs(toldMs - record.timestampMs);
        expect(apartMs).toBeLessThanOrEqual(Math.ceil(tookMs[index] ?? 0) + 1);
      }
    });

    it('keeps the order of a batch of many', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const appender = await b.appender();
      await b.append(partition, ['first'], appender);
      const values = numbered('v', 500);
      const { outcomes } = await appender.append({ ...partition, records: values.map((v) => recordOf(v)) });

      expect(outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.offset : outcome))).toEqual(
        values.map((_, index) => index + 1),
      );
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 1 }]);
      expect(valuesOf(await b.readRecords(reader, values.length))).toEqual(values);
    });

    it('keeps the order of batches under way together in a warm partition', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 2 };
      const appender = await b.appender();
      await b.append(partition, ['first'], appender);
      const batches = ['a', 'b', 'c'].map((name) => numbered(name, 20));
      const results = await Promise.all(
        batches.map((values) => appender.append({ ...partition, records: values.map((v) => recordOf(v)) })),
      );

      const offsets = results.flatMap(({ outcomes }) =>
        outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.offset : -1)),
      );
      expect(offsets).toEqual(offsets.map((_, index) => index + 1));
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 1 }]);
      expect(valuesOf(await b.readRecords(reader, 60))).toEqual(batches.flat());
    });

    it('keeps headers as they are: order, duplicates, binary, empty', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const headers: RecordHeader[] = [
        ['same', Buffer.from('1')],
        ['other', Buffer.from([0, 255, 128, 0])],
        ['same', Buffer.from('2')],
        ['empty', Buffer.alloc(0)],
        ['schlüssel-✓', Buffer.from('✓')],
      ];
      const appender = await b.appender();
      await appender.append({ ...partition, records: [recordOf('v', { headers })] });
      await appender.append({ ...partition, records: [recordOf('none')] });

      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      const records = await b.readRecords(reader, 2);
      expect(records.map((record) => record.headers)).toEqual([headers, []]);
    });

    it('keeps values and keys as they are: empty is not null, NUL does not end them', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 3 };
      const cases = [
        { value: Buffer.alloc(0), key: null },
        { value: Buffer.from('v'), key: Buffer.alloc(0) },
        { value: Buffer.from([0, 1, 255]), key: Buffer.from('a\0b') },
        { value: Buffer.from('a\0b'), key: Buffer.from([255, 0, 254]) },
      ];
      const appender = await b.appender();
      for (const { value, key } of cases) {
        const { outcomes } = await appender.append({ ...partition, records: [recordOf(value, { key })] });
        expect(outcomes).toMatchObject([{ kind: 'appended' }]);
      }

      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      const records = await b.readRecords(reader, cases.length);
      expect(records.map(({ value, key }) => ({ value, key }))).toEqual(cases);
    });

    it('goes on after a record that it cannot write, which is surely absent', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const appender = await b.appender();
      await b.append(partition, ['first'], appender);
      const { outcomes } = await appender.append({
        ...partition,
        records: [
          recordOf('before'),
          recordOf(Buffer.alloc(3_000_000)),
          recordOf('between'),
          recordOf('bad', { headers: [['a\0b', Buffer.from('1')]] }),
          recordOf('after'),
        ],
      });

      expect(outcomes).toMatchObject([
        { kind: 'appended', offset: 1 },
        { kind: 'absent', failure: { kind: 'too-large', code: 10 } },
        { kind: 'appended', offset: 2 },
        { kind: 'absent' },
        { kind: 'appended', offset: 3 },
      ]);
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      expect(valuesOf(await b.readRecords(reader, 4))).toEqual(['first', 'before', 'between', 'after']);
    });

    it('does nothing with an empty batch', async (t) => {
      const b = bench(t);
      const partition = { topic: await b.topic(), partition: 0 };
      const appender = await b.appender();
      const { outcomes } = await appender.append({ ...partition, records: [] });
      expect(outcomes).toEqual([]);
      await b.append(partition, ['first'], appender);
      const reader = await b.reader();
      await reader.assign([{ ...partition, offset: 0 }]);
      expect(offsetsOf(await b.readRecords(reader, 1))).toEqual([0]);
    });

    it('answers for a partition that does not exist, and goes on with others', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const appender = await b.appender();
      const [missing, existing] = await Promise.all([
        appender.append({ topic, partition: 99, records: [recordOf('nowhere')] }),
        appender.append({ topic, partition: 0, records: [recordOf('somewhere')] }),
      ]);
      expect(missing.outcomes).toMatchObject([{ kind: 'absent', failure: { kind: 'unknown-topic' } }]);
      expect(existing.outcomes).toMatchObject([{ kind: 'appended', offset: 0 }]);
    });
  });
}
