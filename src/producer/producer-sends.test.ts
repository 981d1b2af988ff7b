import { describe, expect, it } from 'vitest';
import { absent } from '../../test/support/scripted-appender.ts';
import { failureOf, setUp, task, warm } from '../../test/support/scripted-producer.ts';
import type { ProducerItem } from './core/item.ts';

describe('sending', () => {
  it('resolves with the place of the record', async () => {
    const { producer, appender, settle } = setUp();
    const done = producer.add(task({ id: 'a' }));
    await settle();
    appender.calls[0]?.ack();
    expect(await done).toEqual({ topic: 'q', partition: 0, offset: 0, timestampMs: 1_234 });
    expect(producer.bufferedBytes).toBe(0);
  });

  it('tells how long it took to append a batch, but for those of uploads and those that failed', async () => {
    const tookMs: number[] = [];
    const { producer, appender, clock, settle } = setUp({ onAppended: (ms) => tookMs.push(ms) });
    const send = async (item: ProducerItem, ms: number): Promise<void> => {
      const done = producer.add(item);
      await settle();
      await clock.advance(ms);
      appender.calls[0]?.ack();
      await done;
    };
    await send(task(), 7);
    const record = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [] };
    await send(task({ encode: () => ({ record, bytes: 100, voidAfterMs: 1e15 }) }), 30);
    await send(task(), 9);
    expect(tookMs).toEqual([7, 9]);
    const refused = failureOf(producer.add(task()));
    await settle();
    appender.calls[0]?.answer([absent('too-large')]);
    await refused;
    expect(tookMs).toEqual([7, 9]);
  });

  it('sends one record alone until the partition has an offset, then the rest together', async () => {
    const { producer, appender, settle } = setUp();
    const all = producer.addMany(['a', 'b', 'c'].map((id) => task({ id })));
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a']]);
    appender.calls[0]?.ack();
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['b', 'c']]);
    appender.calls[0]?.ack();
    expect((await all).map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
  });

  it('lets small batches wait for the one under way, and full ones go', async () => {
    const world = setUp();
    const { producer, appender, settle } = world;
    await warm(world);
    const all = producer.addMany([task({ id: 'a' })]);
    await settle();
    const more = producer.addMany([task({ id: 'b' }), task({ id: 'c' })]);
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a']]);
    const large = producer.addMany([task({ bytes: 900_000, id: 'd' }), task({ bytes: 900_000, id: 'e' })]);
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a'], ['b', 'c', 'd']]);
    appender.ackEverything();
    await Promise.all([all, more, large]);
    expect(appender.log('q', 0)).toEqual(['first', 'a', 'b', 'c', 'd', 'e']);
  });

  it('starts over with one record when the client got a new producer id', async () => {
    const world = setUp();
    const { producer, appender, settle } = world;
    await warm(world);
    appender.incarnation = 2;
    const all = producer.addMany(['a', 'b'].map((id) => task({ id })));
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a']]);
    appender.ackEverything();
    await all;
  });

  it('takes back what was to follow an append in which the client was rebuilt', async () => {
    const world = setUp();
    const { producer, appender, settle, clock } = world;
    await warm(world);
    const other = producer.add(task({ partition: 1, id: 'warms 1' }));
    await settle();
    appender.calls[0]?.ack();
    await other;
    await settle();
    const append = appender.append.bind(appender);
    appender.append = (batch) => {
      appender.incarnation = 2;
      return append(batch);
    };
    const all = producer.addMany([
      task({ id: 'a' }),
      task({ partition: 1, id: 'b' }),
      task({ partition: 1, id: 'c' }),
    ]);
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a']]);
    await clock.advance(100);
    expect(appender.calls.map(({ values }) => values)).toEqual([['a'], ['b']]);
    appender.ackEverything();
    expect((await all).map(({ kind }) => kind)).toEqual(['appended', 'appended', 'appended']);
    expect(appender.log('q', 1)).toEqual(['warms 1', 'b', 'c']);
  });

  it('holds small batches back while much is under way, until there is less or a short time is over', async () => {
    const world = setUp();
    const { producer, appender, settle, clock } = world;
    const partitions = Array.from({ length: 12 }, (_, partition) => partition);
    appender.autoAck = true;
    await producer.addMany(partitions.map((partition) => task({ partition })));
    appender.autoAck = false;
    const large = producer.addMany(
      partitions.slice(0, 9).map((partition) => task({ partition, bytes: 900_000 })),
    );
    await settle();
    expect(appender.calls).toHaveLength(9);
    const held = producer.add(task({ partition: 10, id: 'held' }));
    const heldLonger = producer.add(task({ partition: 11, id: 'held longer' }));
    await settle();
    expect(appender.calls).toHaveLength(9);
    appender.calls[0]?.ack();
    appender.calls[0]?.ack();
    await settle();
    expect(appender.calls.slice(7).map(({ values }) => values)).toEqual([['held'], ['held longer']]);

    const more = producer.addMany([0, 1].map((partition) => task({ partition, bytes: 900_000 })));
    const heldForTime = producer.add(task({ partition: 9, id: 'held for a time' }));
    await settle();
    const callsBefore = appender.calls.length;
    await clock.advance(10);
    expect(appender.calls.slice(callsBefore).map(({ values }) => values)).toEqual([['held for a time']]);
    appender.ackEverything();
    await Promise.all([large, held, heldLonger, more, heldForTime]);
    expect(clock.pendingCount).toBe(0);
  });

  it('starts over with one record after a long idle time', async () => {
    const world = setUp();
    const { producer, appender, settle, clock } = world;
    await warm(world);
    await clock.advance(3_600_000);
    const all = producer.addMany(['a', 'b'].map((id) => task({ id })));
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['a']]);
    appender.ackEverything();
    await all;
  });

  it('lets other keys overtake a task that is still being encoded, and its own key not', async () => {
    const { producer, appender, settle } = setUp();
    appender.ackEverything();
    let finish: () => void = () => undefined;
    const slow = task({ id: 'slow' });
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const encode: typeof slow.encode = (own) => gate.then(() => slow.encode(own));
    const all = producer.addMany([
      { ...slow, encode },
      task({ id: 'behind' }),
      task({ id: 'other', laneKey: 'k2' }),
    ]);
    await settle();
    expect(appender.log('q', 0)).toEqual(['other']);
    finish();
    await all;
    expect(appender.log('q', 0)).toEqual(['other', 'slow', 'behind']);
  });

  it('fails a task whose validation or encoding fails with that error, and no other', async () => {
    const { producer, appender, settle } = setUp();
    appender.ackEverything();
    const invalid = new Error('invalid');
    const circular = new Error('circular');
    const rejected = Promise.reject(invalid);
    const first = failureOf(producer.add(task({ ready: rejected })));
    const second = failureOf(
      producer.add(
        task({
          encode: () => {
            throw circular;
          },
        }),
      ),
    );
    const third = failureOf(producer.add(task({ encode: () => Promise.reject(circular) })));
    const fourth = producer.add(task());
    await settle();
    expect(await first).toBe(invalid);
    expect(await second).toBe(circular);
    expect(await third).toBe(circular);
    await fourth;
    expect(producer.bufferedBytes).toBe(0);
  });
});
