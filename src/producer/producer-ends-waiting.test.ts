import { describe, expect, it } from 'vitest';
import { failureOf, setUp, task, warm } from '../../test/support/scripted-producer.ts';

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
