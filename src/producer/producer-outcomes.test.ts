import { describe, expect, it } from 'vitest';
import { absent, ScriptedAppender, unknown } from '../../test/support/scripted-appender.ts';
import { failureOf, setUp, task, warm } from '../../test/support/scripted-producer.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';

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

  it('tells whoever asks what became of a record, also when its caller has given up', async () => {
    const world = setUp();
    const { producer, appender, settle } = world;
    await warm(world);
    const fates: unknown[] = [];
    const caller = new AbortController();
    const calls = ['a', 'b', 'c', 'd'].map((id) =>
      failureOf(
        producer.add(
          task({ id, laneKey: id, signal: caller.signal, onSettled: (fate) => fates.push([id, fate]) }),
        ),
      ),
    );
    await settle();
    caller.abort(new Error('enough'));
    expect(await Promise.all(calls)).toMatchObject(calls.map(() => ({ outcome: 'unknown' })));
    expect(fates).toEqual([]);
    const landed = { kind: 'appended', offset: 1, timestampMs: 0 } as const;
    appender.calls[0]?.answer([landed, absent('transient'), unknown, { ...landed, offset: -1 }]);
    await settle();
    expect(fates).toEqual([
      ['a', { offset: 1 }],
      ['b', 'absent'],
      ['c', 'unknown'],
      ['d', 'unknown'],
    ]);
  });

  it('tells of a record before it tells its caller', async () => {
    const { producer, appender } = setUp();
    const told: unknown[] = [];
    appender.ackEverything();
    const call = producer.add(task({ onSettled: (fate) => told.push(fate) }));
    await call.then(({ offset }) => told.push(offset));
    expect(told).toEqual([{ offset: 0 }, 0]);
  });
});
