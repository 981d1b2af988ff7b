import { describe, expect, it } from 'vitest';
import { PARTS, setUpBodies } from '../../test/support/body-producer.ts';
import { absent, unknown } from '../../test/support/scripted-appender.ts';
import { failureOf, task, warm } from '../../test/support/scripted-producer.ts';
import { bytes, FedSource } from '../../test/support/upload-rig.ts';
import type { ProducerItem } from './core/item.ts';

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
