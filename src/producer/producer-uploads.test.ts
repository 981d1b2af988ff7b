import { describe, expect, it } from 'vitest';
import { setUpBodies } from '../../test/support/body-producer.ts';
import { failureOf, task } from '../../test/support/scripted-producer.ts';
import { bytes, FedSource } from '../../test/support/upload-rig.ts';
import { DEFAULT_UPLOAD_TIMEOUT_MS as UPLOAD_TIMEOUT_MS } from '../options/retention.ts';
import type { ProducerItem } from './core/item.ts';

describe('a task with an upload', () => {
  it('keeps those of its key behind it, and no other', async () => {
    const { producer, appender, settle, withBody } = setUpBodies();
    appender.ackEverything();
    const source = new FedSource();
    const all = producer.addMany([
      withBody(source, { id: 'large' }),
      task({ id: 'behind' }),
      withBody(bytes(30), { id: 'large too' }),
      task({ id: 'other', laneKey: 'k2' }),
    ]);
    source.feed(bytes(25));
    await settle();
    expect(appender.log('q', 0)).toEqual(['other']);
    source.end();
    expect((await all).map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended', 'appended']);
    expect(appender.log('q', 0)).toEqual(['other', 'large', 'behind', 'large too']);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('takes next to no room of the buffer, and its parts go though that is full', async () => {
    const { producer, appender, settle, withBody, partCount } = setUpBodies({ bufferBytes: 1_000_000 });
    appender.ackEverything();
    const source = new FedSource();
    const large = producer.add(withBody(source, { id: 'large' }));
    await settle();
    expect(producer.bufferedBytes).toBe(100);
    let encoded: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      encoded = resolve;
    });
    const plain = task({ laneKey: 'k2', partition: 1 });
    const slow = producer.add({ ...plain, encode: (own) => gate.then(() => plain.encode(own)) });
    source.feed(bytes(25));
    await settle();
    expect(producer.bufferedBytes).toBeGreaterThan(1_000_000);
    expect(partCount()).toBe(2);
    source.end();
    await large;
    encoded();
    await slow;
    expect(producer.bufferedBytes).toBe(0);
  });

  it('takes what it may hold from the room of small tasks, which have half of it at least', async () => {
    const { producer, appender, settle, withBody } = setUpBodies({ bufferBytes: 10_000_000 }); // 5 at once
    const sources = [0, 1, 2, 3, 4].map(() => new FedSource());
    const uploads = producer.addMany(
      sources.map((source, n) => withBody(source, { laneKey: `k${n}`, partition: n })),
    );
    await settle();
    let encoded = 0;
    const small = Array.from({ length: 12 }, (_, n): ProducerItem => {
      const given = task({ partition: 5 + n, laneKey: 'small', bytes: 900_000, sizeBytes: 900_000 });
      const encode: ProducerItem['encode'] = (own) => {
        encoded += 1;
        return given.encode(own);
      };
      return { ...given, encode };
    });
    const all = producer.addMany(small);
    await settle();
    expect(encoded).toBe(5);
    appender.ackEverything();
    await all;
    for (const source of sources) {
      source.feed(bytes(5));
      source.end();
    }
    await uploads;
  });

  it('keeps no small task waiting, however many have sources that bring nothing', async () => {
    const { producer, appender, withBody } = setUpBodies();
    appender.ackEverything();
    const sources = Array.from({ length: 300 }, () => new FedSource());
    const all = producer.addMany(
      sources.map((source, at) => withBody(source, { laneKey: `k${at}`, partition: at % 24 })),
    );
    await producer.addMany(
      Array.from({ length: 24 }, (_, partition) => task({ partition, laneKey: 'small' })),
    );
    for (const source of sources) {
      source.feed(bytes(5));
      source.end();
    }
    expect((await all).every(({ kind }) => kind === 'appended')).toBe(true);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('keeps what is behind it out of the buffer: other keys have room, however much waits for slow sources', async () => {
    const { producer, appender, settle, withBody } = setUpBodies({ bufferBytes: 16_000_000 });
    appender.ackEverything();
    const sources = Array.from({ length: 5 }, () => new FedSource());
    const all = producer.addMany(
      sources.flatMap((source, partition) => {
        const at = { laneKey: `slow ${partition}`, partition };
        const behind = Array.from({ length: 40 }, () => task({ ...at, bytes: 100_000 }));
        return [withBody(source, at), ...behind];
      }),
    );
    await settle();
    expect(producer.bufferedBytes).toBe(500); // of the uploads themselves
    await producer.add(task({ partition: 9, laneKey: 'other', bytes: 1_000_000 }));
    for (const source of sources) {
      source.feed(bytes(5));
      source.end();
    }
    expect((await all).every(({ kind }) => kind === 'appended')).toBe(true);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('keeps what is behind it out of the buffer until the last one before that is uploaded', async () => {
    const { producer, appender, settle, withBody } = setUpBodies();
    appender.ackEverything();
    const [first, second] = [new FedSource(), new FedSource()];
    const all = producer.addMany([
      withBody(first, { id: 'first' }),
      withBody(second, { id: 'second' }),
      task({ id: 'behind', bytes: 1_000 }),
    ]);
    for (const source of [second, first]) {
      await settle();
      expect(producer.bufferedBytes).toBeLessThan(1_000);
      source.feed(bytes(5));
      source.end();
    }
    expect((await all).map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
    expect(appender.log('q', 0)).toEqual(['first', 'second', 'behind']);
  });

  it('is one of a bounded number: of a key, a partition and the process', async () => {
    const { producer, settle, withBody } = setUpBodies({ bufferBytes: 16_000_000 }); // 8 at once
    const begun: string[] = [];
    const endOf = new Map<string, () => void>();
    const noted = (id: string, laneKey: string, partition: number): ProducerItem => {
      const given = withBody(bytes(5), { id, laneKey, partition });
      const encode: ProducerItem['encode'] = () =>
        new Promise((_, reject) => {
          begun.push(id);
          endOf.set(id, () => reject(new Error('enough')));
        });
      return { ...given, encode };
    };
    const all = producer.addMany([
      noted('a1', 'a', 0),
      noted('a2', 'a', 0),
      noted('a3', 'a', 0), // the key has its quarter
      noted('b1', 'b', 0),
      noted('c1', 'c', 0),
      noted('d1', 'd', 0), // the partition has its half
      noted('e1', 'e', 1),
      noted('f1', 'f', 1),
      noted('g1', 'g', 2),
      noted('h1', 'h', 2),
      noted('i1', 'i', 3), // all are taken
    ]);
    await settle();
    expect(begun.splice(0)).toEqual(['a1', 'a2', 'b1', 'c1', 'e1', 'f1', 'g1', 'h1']);
    endOf.get('h1')?.();
    await settle();
    expect(begun.splice(0)).toEqual(['i1']); // d1 waits for its partition
    endOf.get('b1')?.();
    await settle();
    expect(begun.splice(0)).toEqual(['d1']);
    endOf.get('a1')?.();
    await settle();
    expect(begun.splice(0)).toEqual(['a3']);
    for (const end of endOf.values()) end();
    await all;
    expect(producer.bufferedBytes).toBe(0);
  });

  it('is one of a bounded number to one store, which may hang: half of those of the process', async () => {
    const { producer, settle } = setUpBodies({ bufferBytes: 16_000_000 }); // 8 at once
    const begun: string[] = [];
    const endOf = new Map<string, () => void>();
    const noted = (id: string, laneKey: string, uploadTo?: object): ProducerItem => {
      const encode: ProducerItem['encode'] = () =>
        new Promise((_, reject) => {
          begun.push(id);
          endOf.set(id, () => reject(new Error('enough')));
        });
      const partition = laneKey.charCodeAt(0);
      return { ...task({ id, laneKey, partition, upload: true, uploadTo }), encode };
    };
    const [store, other] = [{}, {}];
    const all = producer.addMany([
      ...['a', 'b', 'c', 'd', 'e', 'f'].map((key) => noted(`hangs ${key}`, key, store)),
      noted('other g', 'g', other),
      ...['h', 'i', 'j', 'k'].map((key) => noted(`kafka ${key}`, key)),
    ]);
    await settle();
    const four = ['hangs a', 'hangs b', 'hangs c', 'hangs d'];
    expect(begun.splice(0)).toEqual([...four, 'other g', 'kafka h', 'kafka i', 'kafka j']);
    for (const id of ['hangs c', 'kafka h', 'kafka i']) endOf.get(id)?.();
    await settle();
    expect(begun.splice(0)).toEqual(['hangs e', 'kafka k']);
    for (const end of endOf.values()) end();
    await settle();
    for (const end of endOf.values()) end();
    await all;
    expect(producer.bufferedBytes).toBe(0);
  });

  it('that is given up while it waits for others lets go what is behind it', async () => {
    const { producer, appender, settle, withBody } = setUpBodies({ bufferBytes: 2_000_000 }); // one at once
    appender.ackEverything();
    const source = new FedSource();
    const first = producer.add(withBody(source, { laneKey: 'k1' }));
    const giving = new AbortController();
    const waiting = failureOf(producer.add(withBody(bytes(5), { laneKey: 'k2', signal: giving.signal })));
    const behind = producer.add(task({ id: 'behind', laneKey: 'k2' }));
    const alone = new AbortController();
    const gone = failureOf(producer.add(withBody(bytes(5), { laneKey: 'k3', signal: alone.signal })));
    const last = producer.add(withBody(bytes(5), { id: 'last', laneKey: 'k4' }));
    await settle();
    giving.abort();
    alone.abort();
    expect(await waiting).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
    expect(await gone).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
    await behind;
    source.feed(bytes(5));
    source.end();
    await Promise.all([first, last]);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('sends parts that fill most of a batch without waiting for company', async () => {
    const { producer, appender, settle, withBody, partCalls } = setUpBodies();
    const done = producer.add(withBody(Buffer.alloc(3_500_000), { partBytes: 900_000 }));
    await settle();
    expect(partCalls()).toHaveLength(1); // alone until the partition has an offset
    partCalls()[0]?.ack();
    await settle();
    expect(partCalls()).toHaveLength(3);
    appender.ackEverything();
    await done;
  });

  it('is told absent when its manifest was appended too late to count', async () => {
    const { producer, appender, settle, withBody } = setUpBodies();
    const late = failureOf(producer.add(withBody(bytes(5), { id: 'late' })));
    const behind = producer.add(task({ id: 'behind' }));
    await settle();
    appender.calls[0]?.ack(); // the part, at 1,234
    await settle();
    const timestampMs = 1_234 + UPLOAD_TIMEOUT_MS + 1;
    appender.calls[0]?.answer([{ kind: 'appended', offset: 0, timestampMs }]);
    expect(await late).toMatchObject({ code: 'UPLOAD_TOO_LATE', outcome: 'absent', id: 'late' });
    appender.ackEverything();
    await behind;
    expect(producer.bufferedBytes).toBe(0);
  });

  it('counts when its manifest was appended at the last moment', async () => {
    const { producer, appender, settle, withBody } = setUpBodies();
    const done = producer.add(withBody(bytes(5)));
    await settle();
    appender.calls[0]?.ack();
    await settle();
    appender.calls[0]?.answer([{ kind: 'appended', offset: 0, timestampMs: 1_234 + UPLOAD_TIMEOUT_MS }]);
    expect(await done).toMatchObject({ offset: 0 });
  });
});
