import { describe, expect, it } from 'vitest';
import { setUp, task } from '../../test/support/scripted-producer.ts';
import type { ProducerItem } from './core/item.ts';
import { EmbeddedRoom } from './embedded-room.ts';

describe('the buffer', () => {
  it('encodes nothing before there is room', async () => {
    const { producer, appender, settle } = setUp({ bufferBytes: 1_000 });
    const encoded: string[] = [];
    const noted = (id: string, key: string, partition: number): ProducerItem => {
      const given = task({ id, laneKey: key, partition, bytes: 250 });
      return {
        ...given,
        encode: (own) => {
          encoded.push(id);
          return given.encode(own);
        },
      };
    };
    const all = producer.addMany([
      noted('a', 'k1', 0),
      noted('b', 'k1', 0), // its key has its quarter
      noted('c', 'k2', 0),
      noted('d', 'k3', 0), // the partition has its half
      noted('e', 'k4', 1),
      noted('f', 'k5', 2),
      noted('g', 'k6', 3), // the buffer is full
    ]);
    await settle();
    expect(encoded).toEqual(['a', 'c', 'e', 'f']);
    expect(producer.bufferedBytes).toBe(1_000);
    appender.ackEverything();
    await all;
    expect(encoded.toSorted()).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('holds no more than its limit when many validations end at once and sizes were guessed too small', async () => {
    const { producer, appender, settle } = setUp({ bufferBytes: 1_000 });
    let pass: () => void = () => undefined;
    const ready = new Promise<void>((resolve) => {
      pass = resolve;
    });
    const all = producer.addMany(
      ['k1', 'k2', 'k3', 'k4', 'k5', 'k6', 'k7', 'k8'].map((laneKey, partition) =>
        task({ laneKey, partition, ready, sizeBytes: 1, bytes: 250 }),
      ),
    );
    pass();
    await settle();
    expect(producer.bufferedBytes).toBe(1_000);
    appender.ackEverything();
    expect((await all).every(({ kind }) => kind === 'appended')).toBe(true);
  });

  it('counts a task whose encoding takes time as a whole batch', async () => {
    const { producer, appender, settle } = setUp({ bufferBytes: 2_000_000 });
    let started = 0;
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const slow = (partition: number): ProducerItem => {
      const given = task({ partition, laneKey: `k${partition}`, bytes: 100 });
      return {
        ...given,
        encode: (own) => {
          started += 1;
          return gate.then(() => given.encode(own));
        },
      };
    };
    const all = producer.addMany([0, 1, 2, 3, 4].map(slow));
    await settle();
    expect(started).toBe(2);
    finish();
    appender.ackEverything();
    await all;
    expect(producer.bufferedBytes).toBe(0);
  });

  it('counts what a task says to hold while it is encoded, and then its record', async () => {
    const { producer, appender, settle } = setUp({ bufferBytes: 20_000_000 });
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const large = (partition: number): ProducerItem => {
      const given = task({ partition, laneKey: `k${partition}`, bytes: 100 });
      return {
        ...given,
        encode: (own) => {
          own.holds(8_000_000);
          return gate.then(() => given.encode(own));
        },
      };
    };
    const all = producer.addMany([0, 1, 2].map(large));
    await settle();
    expect(producer.bufferedBytes).toBe(24_000_000); // the third was let in when 4 MB were left
    const next = producer.add(task({ partition: 3, bytes: 100 }));
    await settle();
    expect(producer.bufferedBytes).toBe(24_000_000);
    finish();
    await settle();
    expect(producer.bufferedBytes).toBe(400);
    appender.ackEverything();
    await Promise.all([all, next]);
  });

  it('takes one task larger than itself when it is empty', async () => {
    const { producer, appender } = setUp({ bufferBytes: 1_000 });
    appender.ackEverything();
    await producer.addMany([task({ bytes: 5_000 }), task({ bytes: 5_000 })]);
    expect(appender.log('q', 0)).toHaveLength(2);
  });

  it('waits for the embedded cluster to have finished older tasks', async () => {
    const room = new EmbeddedRoom(1_000);
    const { producer, appender, settle } = setUp({ room });
    appender.ackEverything();
    const first = producer.addMany([task({ bytes: 600 }), task({ bytes: 400 })]);
    const next = producer.add(task({ bytes: 500 }));
    await first;
    await settle();
    expect(appender.log('q', 0)).toHaveLength(2);
    room.finished('workers', 'q', 0, 1);
    expect(await next).toMatchObject({ offset: 2 });
  });
});
