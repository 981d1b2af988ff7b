import { describe, expect, it } from 'vitest';
import { absent, ScriptedAppender, unknown } from '../../test/support/scripted-appender.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import type { ProducerItem } from './core/item.ts';
import { EmbeddedRoom } from './embedded-room.ts';
import { Producer, type ProducerDeps } from './producer.ts';
import { producerOptionsSchema } from './producer-options.ts';

/** A producer on a scripted appender and a clock that stands still. */
function setUp(more: Partial<ProducerDeps> & { readonly bufferBytes?: number } = {}) {
  const clock = new ManualClock();
  const appender = new ScriptedAppender();
  const defaults = producerOptionsSchema.parse({});
  const options = { ...defaults, bufferBytes: more.bufferBytes ?? defaults.bufferBytes };
  const producer = new Producer({ appender: () => Promise.resolve(appender), clock, options, ...more });
  /** Lets everything that is ready happen. */
  const settle = (): Promise<void> => clock.advance(0);
  return { clock, appender, producer, settle };
}

let nextId = 0;

/** A task whose value is its id. */
function task(more: Partial<ProducerItem> & { readonly bytes?: number } = {}): ProducerItem {
  nextId += 1;
  const { bytes = 100, ...given } = more;
  const id = given.id ?? `task-${nextId}`;
  return {
    topic: 'q',
    partition: 0,
    laneKey: 'k',
    type: 'recording',
    sizeBytes: bytes,
    encode: () => ({ record: { key: Buffer.from('k'), value: Buffer.from(id), headers: [] }, bytes }),
    ...given,
    id,
  };
}

/** The error a promise is rejected with. */
const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  );

/** Makes partition 0 warm. */
async function warm({ producer, appender, settle }: ReturnType<typeof setUp>): Promise<void> {
  const done = producer.add(task({ id: 'first' }));
  await settle();
  appender.calls[0]?.ack();
  await done;
}

describe('sending', () => {
  it('resolves with the place of the record', async () => {
    const { producer, appender, settle } = setUp();
    const done = producer.add(task({ id: 'a' }));
    await settle();
    appender.calls[0]?.ack();
    expect(await done).toEqual({ topic: 'q', partition: 0, offset: 0, timestampMs: 1_234 });
    expect(producer.bufferedBytes).toBe(0);
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
    const encode = (): Promise<Awaited<ReturnType<typeof slow.encode>>> => gate.then(() => slow.encode());
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

describe('outcomes', () => {
  it('reports a refusal as absent and goes on with the key', async () => {
    const { producer, appender, settle } = setUp();
    const refused = failureOf(producer.add(task({ id: 'a' })));
    const next = producer.add(task({ id: 'b' }));
    await settle();
    appender.calls[0]?.answer([absent('too-large')]);
    expect(await refused).toMatchObject({ code: 'ENQUEUE_REFUSED', outcome: 'absent', id: 'a' });
    await settle();
    appender.ackEverything();
    await next;
  });

  it('takes an ack without an offset for unknown, and fails those of the key that were not sent', async () => {
    const { producer, appender, settle } = setUp();
    const lost = failureOf(producer.add(task({ id: 'a' })));
    const behind = failureOf(producer.add(task({ id: 'b' })));
    const other = producer.add(task({ id: 'c', laneKey: 'k2' }));
    await settle();
    appender.calls[0]?.answer([{ kind: 'appended', offset: -1001, timestampMs: 0 }]);
    expect(await lost).toMatchObject({ code: 'ENQUEUE_UNCONFIRMED', outcome: 'unknown' });
    expect(await behind).toMatchObject({ code: 'PREDECESSOR_FAILED', outcome: 'absent', id: 'b' });
    await settle();
    appender.ackEverything();
    expect(await other).toMatchObject({ offset: 0 });
  });

  it('sends again, in order and after a pause, what came back for a passing reason', async () => {
    const world = setUp();
    const { producer, appender, settle, clock } = world;
    await warm(world);
    const all = producer.addMany(['a', 'b'].map((id) => task({ id })));
    await settle();
    appender.calls[0]?.answer([absent('transient'), absent('transient')]);
    const later = producer.add(task({ id: 'c' }));
    await settle();
    expect(appender.calls).toEqual([]);
    appender.ackEverything();
    await clock.advance(100);
    await Promise.all([all, later]);
    expect(appender.log('q', 0)).toEqual(['first', 'a', 'b', 'c']);
  });

  it('fails what came back when a later task of its key is in the log', async () => {
    const world = setUp();
    const { producer, appender, settle } = world;
    await warm(world);
    const early = failureOf(producer.add(task({ id: 'a' })));
    const late = producer.add(task({ id: 'b' }));
    await settle();
    appender.calls[0]?.answer([absent('transient'), { kind: 'appended', offset: 1, timestampMs: 0 }]);
    expect(await early).toMatchObject({ code: 'ENQUEUE_REFUSED', outcome: 'absent' });
    await late;
  });

  it('takes a fatal error for unknown', async () => {
    const world = setUp();
    const { producer, appender, settle } = world;
    await warm(world);
    const all = producer.addMany(['a', 'b'].map((id) => task({ id })));
    await settle();
    appender.incarnation = 2;
    appender.calls[0]?.answer([unknown, unknown]);
    expect((await all).map((result) => result.kind === 'failed' && result.error)).toMatchObject([
      { code: 'ENQUEUE_UNCONFIRMED' },
      { code: 'ENQUEUE_UNCONFIRMED' },
    ]);
    appender.ackEverything();
    await producer.add(task({ id: 'c' }));
  });

  it('rejects with the reason when no connection can be made, and tries again with the next task', async () => {
    const appender = new ScriptedAppender();
    appender.ackEverything();
    const refusal = new KafkaRequestError('Connecting', {
      kind: 'authentication',
      code: -169,
      message: 'bad password',
    });
    let calls = 0;
    const { producer, settle } = setUp({
      appender: () => {
        calls += 1;
        return calls === 1 ? Promise.reject(refusal) : Promise.resolve(appender);
      },
    });
    const failed = failureOf(producer.add(task()));
    await settle();
    expect(await failed).toMatchObject({
      code: 'KAFKA_AUTHENTICATION_FAILED',
      outcome: 'absent',
      cause: refusal,
    });
    await producer.add(task());
    expect(calls).toBe(2);
  });
});

describe('deadlines', () => {
  it('rejects as absent what was not handed over, and as unknown what was, which keeps its place', async () => {
    const { producer, appender, settle, clock } = setUp();
    const sent = failureOf(producer.add(task({ id: 'sent', timeoutMs: 1_000 })));
    const unsent = failureOf(producer.add(task({ id: 'unsent', laneKey: 'k2', timeoutMs: 1_000 })));
    await settle();
    await clock.advance(1_000);
    expect(await sent).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'unknown' });
    expect(await unsent).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    const again = producer.add(task({ id: 'sent again' }));
    await settle();
    expect(appender.calls.map(({ values }) => values)).toEqual([['sent']]);
    appender.ackEverything();
    await again;
    expect(appender.log('q', 0)).toEqual(['sent', 'sent again']);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('fails the followers of a task that timed out', async () => {
    const { producer, appender, settle, clock } = setUp();
    const first = failureOf(producer.add(task({ timeoutMs: 10, id: 'a' })));
    const second = failureOf(producer.add(task({ id: 'b' })));
    await settle();
    await clock.advance(10);
    expect(await first).toMatchObject({ outcome: 'unknown' });
    expect(await second).toMatchObject({ code: 'PREDECESSOR_FAILED', outcome: 'absent' });
    appender.ackEverything();
    await settle();
    expect(appender.log('q', 0)).toEqual(['a']);
  });

  it('keeps no timer when nothing is under way', async () => {
    const world = setUp();
    await warm(world);
    expect(world.clock.pendingCount).toBe(0);
  });
});

describe('aborting', () => {
  it('is absent while the task waits, and fails only that task', async () => {
    const { producer, appender, settle } = setUp();
    const controller = new AbortController();
    const first = producer.add(task({ id: 'a' }));
    const second = failureOf(producer.add(task({ id: 'b', signal: controller.signal })));
    const third = producer.add(task({ id: 'c' }));
    await settle();
    const reason = new Error('client went away');
    controller.abort(reason);
    expect(await second).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent', cause: reason });
    appender.ackEverything();
    await Promise.all([first, third]);
    expect(appender.log('q', 0)).toEqual(['a', 'c']);
  });

  it('is unknown at once when the task was handed over, which keeps its place', async () => {
    const { producer, appender, settle } = setUp();
    const controller = new AbortController();
    const first = failureOf(producer.add(task({ id: 'a', signal: controller.signal })));
    const second = producer.add(task({ id: 'b' }));
    await settle();
    controller.abort();
    expect(await first).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'unknown' });
    appender.ackEverything();
    await second;
    expect(appender.log('q', 0)).toEqual(['a', 'b']);
  });

  it('encodes nothing when the signal was aborted before', async () => {
    const { producer } = setUp();
    let encoded = false;
    const encode = (): never => {
      encoded = true;
      throw new Error('not reached');
    };
    const failed = failureOf(producer.add(task({ signal: AbortSignal.abort(), encode })));
    expect(await failed).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent' });
    expect(encoded).toBe(false);
  });
});

describe('the buffer', () => {
  it('encodes nothing before there is room', async () => {
    const { producer, appender, settle } = setUp({ bufferBytes: 1_000 });
    const encoded: string[] = [];
    const noted = (id: string, key: string, partition: number): ProducerItem => {
      const given = task({ id, laneKey: key, partition, bytes: 250 });
      return {
        ...given,
        encode: () => {
          encoded.push(id);
          return given.encode();
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
        encode: () => {
          started += 1;
          return gate.then(() => given.encode());
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

describe('flush and close', () => {
  it('flushes when everything added before has its answer', async () => {
    const { producer, appender, settle } = setUp();
    let flushed = false;
    const first = producer.add(task());
    const flush = producer.flush().then(() => {
      flushed = true;
    });
    await settle();
    const later = producer.add(task({ partition: 1 }));
    await settle();
    expect(flushed).toBe(false);
    appender.calls[0]?.ack();
    await first;
    await flush;
    appender.ackEverything();
    await later;
    await producer.flush();
  });

  it('refuses new tasks and waits for the others', async () => {
    const { producer, appender, settle } = setUp();
    const added = producer.addMany([task(), task()]);
    const closed = producer.close({ timeoutMs: 1_000 });
    const late = failureOf(producer.add(task()));
    await settle();
    expect(await late).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'absent' });
    appender.ackEverything();
    await closed;
    expect((await added).map(({ kind }) => kind)).toEqual(['appended', 'appended']);
    await producer.close({ timeoutMs: 1_000 });
  });

  it('settles what is left after its timeout with what is known', async () => {
    const { producer, clock } = setUp();
    const sent = failureOf(producer.add(task()));
    const unsent = failureOf(producer.add(task()));
    await clock.advance(0);
    const closed = producer.close({ timeoutMs: 1_000 });
    await clock.advance(1_000);
    await closed;
    expect(await sent).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'unknown' });
    expect(await unsent).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'absent' });
    expect(clock.pendingCount).toBe(0);
  });
});
