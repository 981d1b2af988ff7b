import { describe, expect, it } from 'vitest';
import { absent, unknown } from '../../test/support/scripted-appender.ts';
import { failureOf, setUp, task, warm } from '../../test/support/scripted-producer.ts';
import { bytes, FedSource } from '../../test/support/upload-rig.ts';
import { loadLz4 } from '../codec/lz4.ts';
import { DEFAULT_UPLOAD_TIMEOUT_MS as UPLOAD_TIMEOUT_MS } from '../options/retention.ts';
import type { ProducerItem } from './core/item.ts';
import { partAppends } from './upload/part-appends.ts';
import { Uploader, type UploadJob } from './upload/uploader.ts';

const PARTS = 'q.parts';

/** A producer, and an uploader whose parts go through it. */
function setUpBodies(more: Parameters<typeof setUp>[0] = {}) {
  const world = setUp(more);
  const { producer, clock, appender } = world;
  let count = 0;
  const newId = (): string => {
    count += 1;
    return `u${count}`;
  };
  const uploader = new Uploader({ append: partAppends(producer), clock, newId, loadLz4 });
  /** A task whose value is its id, once its body is uploaded. */
  const withBody = (
    source: UploadJob['source'],
    given: Partial<ProducerItem> & { readonly partBytes?: number } = {},
  ): ProducerItem => {
    const { partBytes = 10, ...item } = given;
    const plain = task({ timeoutMs: UPLOAD_TIMEOUT_MS, upload: true, ...item });
    return {
      ...plain,
      encode: async (own) => {
        const manifest = await uploader.upload({
          topic: PARTS,
          partition: 0,
          partBytes,
          timeoutMs: UPLOAD_TIMEOUT_MS,
          source,
          compress: 'never',
          signal: own.signal,
        });
        const voidAfterMs = manifest.firstAtMs + manifest.timeoutMs;
        return { ...(await plain.encode(own)), voidAfterMs };
      },
    };
  };
  /** Calls for the parts topic. */
  const partCalls = () => appender.calls.filter(({ batch }) => batch.topic === PARTS);
  const partCount = (): number => appender.log(PARTS, 0).length;
  /** A part's way into a log takes several turns of the event loop: read, added, connected, sent. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
  };
  return { ...world, withBody, partCalls, partCount, settle };
}

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

describe('an upload that fails', () => {
  it('with its source: its task is absent, and those behind it go', async () => {
    const { producer, appender, settle, withBody, partCount } = setUpBodies();
    appender.ackEverything();
    const source = new FedSource();
    const failed = failureOf(producer.add(withBody(source, { id: 'large' })));
    const behind = producer.add(task({ id: 'behind' }));
    source.feed(bytes(15));
    await settle();
    const cause = new Error('client went away');
    source.fail(cause);
    expect(await failed).toMatchObject({
      code: 'BODY_SOURCE_FAILED',
      outcome: 'absent',
      id: 'large',
      topic: 'q',
      cause,
      message: expect.stringContaining('after 15 bytes: client went away'),
    });
    await behind;
    expect([appender.log('q', 0), partCount()]).toEqual([['behind'], 1]);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('with what its source gives: text is no bytes', async () => {
    const { producer, withBody } = setUpBodies();
    const source = new FedSource();
    // As a caller without types may give it.
    source.feed('text' as unknown as Uint8Array);
    const failed = failureOf(producer.add(withBody(source)));
    expect(await failed).toMatchObject({ code: 'BODY_INVALID', outcome: 'absent' });
    expect(source.isLetGo).toBe(true);
  });

  it.each([
    ['refused', absent('too-large')],
    ['of unknown outcome', unknown],
  ])('with a part that is %s: its task is absent', async (_, outcome) => {
    const { producer, appender, settle, withBody } = setUpBodies();
    const source = new FedSource();
    const failed = failureOf(producer.add(withBody(source, { id: 'large' })));
    source.feed(bytes(15));
    await settle();
    appender.calls[0]?.answer([outcome]);
    expect(await failed).toMatchObject({ code: 'UPLOAD_FAILED', outcome: 'absent', id: 'large' });
    expect(source.isLetGo).toBe(true);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('goes on when a part came back for a passing reason', async () => {
    const { producer, appender, settle, clock, withBody, partCount } = setUpBodies();
    const done = producer.add(withBody(bytes(30)));
    await settle();
    appender.calls[0]?.answer([absent('transient')]);
    appender.ackEverything();
    await clock.advance(100);
    await done;
    expect(partCount()).toBe(3);
  });
});

describe('a task that is given up during its upload', () => {
  it('by its deadline: the upload ends, and its followers fail', async () => {
    const { producer, appender, clock, settle, withBody, partCount } = setUpBodies();
    appender.ackEverything();
    const source = new FedSource();
    const late = failureOf(producer.add(withBody(source, { timeoutMs: 5_000 })));
    const behind = failureOf(producer.add(task()));
    source.feed(bytes(15));
    await clock.advance(4_999);
    expect(source.isLetGo).toBe(false);
    await clock.advance(1);
    expect(await late).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    expect(await behind).toMatchObject({ code: 'PREDECESSOR_FAILED', outcome: 'absent' });
    expect(source.isLetGo).toBe(true);
    source.feed(bytes(100));
    await settle();
    expect([partCount(), producer.bufferedBytes, clock.pendingCount]).toEqual([1, 0, 0]);
  });

  it('by its deadline while Kafka does not answer: no part is sent any more', async () => {
    const { producer, appender, clock, settle, withBody } = setUpBodies();
    const late = failureOf(producer.add(withBody(bytes(100), { timeoutMs: 5_000 })));
    await settle();
    await clock.advance(5_000);
    expect(await late).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    appender.ackEverything();
    await settle();
    expect(appender.log(PARTS, 0)).toHaveLength(1);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('by its caller: only it fails', async () => {
    const { producer, appender, settle, withBody } = setUpBodies();
    appender.ackEverything();
    const giving = new AbortController();
    const source = new FedSource();
    const aborted = failureOf(producer.add(withBody(source, { signal: giving.signal })));
    const behind = producer.add(task({ id: 'behind' }));
    source.feed(bytes(15));
    await settle();
    const reason = new Error('enough');
    giving.abort(reason);
    expect(await aborted).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'absent', cause: reason });
    await behind;
    expect(source.isLetGo).toBe(true);
    expect(producer.bufferedBytes).toBe(0);
  });

  it('by its caller while its record is with Kafka: unknown, as for any task', async () => {
    const { producer, appender, settle, withBody, partCount } = setUpBodies();
    const giving = new AbortController();
    const aborted = failureOf(producer.add(withBody(bytes(5), { signal: giving.signal })));
    await settle();
    appender.calls[0]?.ack();
    await settle();
    giving.abort();
    expect(await aborted).toMatchObject({ code: 'ENQUEUE_ABORTED', outcome: 'unknown' });
    appender.ackEverything();
    await settle();
    expect([partCount(), producer.bufferedBytes]).toEqual([1, 0]);
  });

  it('is told so also when it asks for its signal only then', async () => {
    const { producer, settle } = setUpBodies();
    let ask: () => boolean = () => false;
    const encode: ProducerItem['encode'] = (own) => {
      ask = () => own.signal.aborted;
      return new Promise(() => {});
    };
    const giving = new AbortController();
    const aborted = failureOf(producer.add(task({ encode, signal: giving.signal })));
    await settle();
    giving.abort();
    await aborted;
    expect(ask()).toBe(true);
  });
});

describe('closing during an upload', () => {
  it('lets it end: its parts are taken, new tasks are not', async () => {
    const { producer, appender, settle, withBody, partCount } = setUpBodies();
    appender.ackEverything();
    const source = new FedSource();
    const done = producer.add(withBody(source, { id: 'large' }));
    source.feed(bytes(15));
    await settle();
    const closed = producer.close({ timeoutMs: 5_000 });
    expect(await failureOf(producer.add(task()))).toMatchObject({ code: 'QUEUE_CLOSED' });
    source.feed(bytes(15));
    source.end();
    await Promise.all([done, closed]);
    expect([appender.log('q', 0), partCount()]).toEqual([['large'], 3]);
  });

  it('ends it after the time for closing', async () => {
    const world = setUpBodies();
    const { producer, appender, clock, settle, withBody, partCount } = world;
    await warm(world);
    appender.ackEverything();
    const source = new FedSource();
    const failed = failureOf(producer.add(withBody(source)));
    source.feed(bytes(15));
    await settle();
    const closed = producer.close({ timeoutMs: 5_000 });
    await clock.advance(5_000);
    await closed;
    expect(await failed).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'absent' });
    source.feed(bytes(50));
    await settle();
    expect(source.isLetGo).toBe(true);
    expect([partCount(), producer.bufferedBytes]).toEqual([1, 0]);
  });
});
