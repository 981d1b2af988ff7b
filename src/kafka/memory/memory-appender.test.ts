import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { Appender, AppendResult, OutgoingRecord } from '../port.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

const partition = { topic: 't', partition: 0 };
const records = (...values: string[]): OutgoingRecord[] =>
  values.map((value) => ({ key: null, value: Buffer.from(value), headers: [] }));

let clock: ManualClock;
let cluster: MemoryCluster;
let appender: Appender;
beforeEach(async () => {
  clock = new ManualClock();
  cluster = new MemoryCluster({ clock });
  cluster.createTopic('t', { partitions: 2 });
  appender = await memoryDriver(cluster).appender();
});

const append = (...values: string[]) => appender.append({ ...partition, records: records(...values) });
const inLog = () => cluster.records('t').map(({ value }) => value?.toString());
const kinds = ({ outcomes }: AppendResult) => outcomes.map(({ kind }) => kind);

describe('an appender', () => {
  it('takes buffers by copy, so that they can be used again', async () => {
    const value = Buffer.from('before');
    await appender.append({ ...partition, records: [{ key: null, value, headers: [] }] });
    value.write('after!');
    expect(inLog()).toEqual(['before']);
  });

  it('dates records by the clock', async () => {
    await append('a');
    await clock.advance(5_000);
    await append('b');
    const [first, second] = cluster.records('t');
    expect((second?.timestampMs ?? 0) - (first?.timestampMs ?? 0)).toBe(5_000);
  });

  it('refuses records that are larger than the topic allows, one by one', async () => {
    cluster.setTopicConfig('t', 'max.message.bytes', '10');
    await append('warm');
    const result = await append('small', 'far too large', 'small');
    expect(kinds(result)).toEqual(['appended', 'absent', 'appended']);
  });

  it('notes a caller that does not warm a partition up', async () => {
    await append('a');
    await append('b', 'c');
    expect(cluster.misuses).toEqual([]);
    await appender.append({ topic: 't', partition: 1, records: records('a', 'b') });
    expect(cluster.misuses).toEqual(['More than one record under way to t[1], which is not warm']);
  });
});

describe('an append fault', () => {
  it('refuses: absent, and what comes behind goes on', async () => {
    await append('warm');
    cluster.faults.refuseAppend();
    const results = await Promise.all([append('a'), append('b')]);
    expect(results.map(kinds)).toEqual([['absent'], ['appended']]);
    expect(inLog()).toEqual(['warm', 'b']);
  });

  it('loses an ack: unknown, and in the log', async () => {
    cluster.faults.loseAppendAck();
    expect(kinds(await append('a'))).toEqual(['unknown']);
    expect(inLog()).toEqual(['a']);
  });

  it('strikes only where it is meant to', async () => {
    cluster.faults.refuseAppend({ topic: 't', partition: 1 });
    expect(kinds(await append('a'))).toEqual(['appended']);
    const other = await appender.append({ topic: 't', partition: 1, records: records('a') });
    expect(kinds(other)).toEqual(['absent']);
  });

  it('holds a batch on its way, and those behind it', async () => {
    await append('warm');
    const hold = cluster.faults.holdAppend();
    const results = Promise.all([append('a'), append('b')]);
    await hold.reached;
    await clock.advance(60_000);
    expect(inLog()).toEqual(['warm']);
    hold.release();
    expect((await results).map(kinds)).toEqual([['appended'], ['appended']]);
    expect(inLog()).toEqual(['warm', 'a', 'b']);
  });

  it('holds a batch that another fault then meets', async () => {
    const hold = cluster.faults.holdAppend();
    cluster.faults.refuseAppend();
    const result = append('a');
    await hold.reached;
    hold.release();
    expect(kinds(await result)).toEqual(['absent']);
  });

  it('holds an ack, and those behind it, while the records are in the log', async () => {
    await append('warm');
    const hold = cluster.faults.holdAppendAck();
    const settled: string[] = [];
    const results = ['a', 'b'].map((value) => append(value).then(() => settled.push(value)));
    await hold.reached;
    await clock.advance(60_000);
    expect(settled).toEqual([]);
    expect(inLog()).toEqual(['warm', 'a', 'b']);
    hold.release();
    await Promise.all(results);
    expect(settled).toEqual(['a', 'b']);
  });

  it('stumbles: harmless when warm, or when a record is alone', async () => {
    cluster.faults.stumbleAppend();
    expect(kinds(await append('alone'))).toEqual(['appended']);
    cluster.faults.stumbleAppend();
    const results = await Promise.all([append('a'), append('b')]);
    expect(results.map(kinds)).toEqual([['appended'], ['appended']]);
    expect(inLog()).toEqual(['alone', 'a', 'b']);
  });

  it('stumbles into a cold partition: the first record of several is acked without an offset and lost', async () => {
    cluster.faults.stumbleAppend();
    const results = await Promise.all([append('a'), append('b')]);
    expect(results.map(kinds)).toEqual([['unknown'], ['appended']]);
    expect(inLog()).toEqual(['b']);
  });

  it.each([true, false])(
    'kills the producer (batch appended: %s): a new incarnation, cold again',
    async (appended) => {
      await append('warm');
      const { incarnation } = appender;
      cluster.faults.failProducer({ appended });
      const results = await Promise.all([append('a'), append('b')]);
      expect(results.map(kinds)).toEqual([['unknown'], ['unknown']]);
      expect(results.map((result) => result.incarnation)).toEqual([incarnation, incarnation]);
      expect(inLog()).toEqual(appended ? ['warm', 'a'] : ['warm']);
      expect(appender.incarnation).toBe(incarnation + 1);
      expect(kinds(await append('again'))).toEqual(['appended']);
      expect(cluster.misuses).toEqual([]);
    },
  );

  it('lets a batch come into the log after the appender gave it up', async () => {
    const hold = cluster.faults.holdAppend();
    const result = append('late');
    await hold.reached;
    const closing = appender.close({ timeoutMs: 5_000 });
    await clock.advance(4_999);
    expect(inLog()).toEqual([]);
    await clock.advance(1);
    await closing;
    expect(kinds(await result)).toEqual(['unknown']);
    hold.release();
    await clock.advance(0);
    expect(inLog()).toEqual(['late']);
  });
});
