import { describe, expect, it } from 'vitest';
import { failureOf, setUp, task } from '../../test/support/scripted-producer.ts';

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
