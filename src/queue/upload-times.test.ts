import { describe, expect, it } from 'vitest';
import { noise, timedQueue } from '../../test/support/large-tasks-rig.ts';
import { failureOf } from '../../test/support/scripted-producer.ts';
import { FedSource } from '../../test/support/upload-rig.ts';
import type { CloseOptions } from './close-options.ts';

describe('the time that an upload may take', () => {
  it('is written down with it, for those who keep its parts', async () => {
    const { rig, queue } = await timedQueue({ uploadTimeoutMs: 5_000 });
    await queue.enqueue('video', { key: 'a' }, { body: noise(2_000_000) });
    expect(rig.heads()[1]?.body).toMatchObject({ kind: 'parts', manifest: { timeoutMs: 5_000 } });
    await rig.large.enqueue('video', { key: 'a' }, { body: noise(2_000_000) });
    expect(rig.heads()[2]?.body).toMatchObject({ kind: 'parts', manifest: { timeoutMs: 1_800_000 } });
  });

  it('ends the wait for a source, unless the call says otherwise', async () => {
    const { clock, queue } = await timedQueue({ uploadTimeoutMs: 5_000 });
    const sources = [new FedSource(), new FedSource()] as const;
    const own = failureOf(queue.enqueue('video', { key: 'a' }, { body: sources[0], timeoutMs: 7_000 }));
    const common = failureOf(queue.enqueue('video', { key: 'b' }, { body: sources[1] }));
    await clock.advance(4_999);
    expect(sources.map(({ isLetGo }) => isLetGo)).toEqual([false, false]);
    await clock.advance(1);
    expect(await common).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    expect(sources.map(({ isLetGo }) => isLetGo)).toEqual([false, true]);
    await clock.advance(2_000);
    expect(await own).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'absent' });
    await queue.close();
  });
});

it("bytes are the caller's again when its call has settled, also when their record is still on its way", async () => {
  const { rig, clock, queue } = await timedQueue();
  const hold = rig.cluster.faults.holdAppend({ topic: 'large' });
  const body = Buffer.from('as enqueued');
  const call = failureOf(queue.enqueue('image', { key: 'first' }, { id: 'late', body, timeoutMs: 5_000 }));
  await clock.advance(5_000);
  expect(await call).toMatchObject({ code: 'ENQUEUE_TIMEOUT', outcome: 'unknown' });
  body.fill(0);
  hold.release();
  await queue.enqueue('note', { key: 'first' }, { id: 'next' });
  expect(rig.ids().slice(1)).toEqual(['late', 'next']);
  expect(rig.heads()[1]?.body).toEqual({ kind: 'inline', bytes: Buffer.from('as enqueued') });
});

describe('closing the queue', () => {
  it('waits 10 s for sources that have not ended; then their tasks are absent, and others are not', async () => {
    const { rig, clock, queue } = await timedQueue();
    const stalled = new FedSource();
    const waiting = new FedSource();
    const late = failureOf(queue.enqueue('video', { key: 'a' }, { body: stalled, id: 'stalled' }));
    const { signal } = new AbortController();
    const later = failureOf(queue.enqueue('video', { key: 'b' }, { body: waiting, id: 'waiting', signal }));
    const behind = queue.enqueue('note', { key: 'a' }, { id: 'behind' });
    stalled.feed(noise(2_000_000));
    await clock.advance(0);
    const closed = queue.close();
    await clock.advance(9_999);
    expect([stalled.isLetGo, waiting.isLetGo]).toEqual([false, false]);
    await clock.advance(1);
    const cutOff = { code: 'QUEUE_CLOSED', outcome: 'absent', message: expect.stringContaining('body') };
    expect(await late).toMatchObject({ ...cutOff, id: 'stalled' });
    expect(await later).toMatchObject({ ...cutOff, id: 'waiting' });
    await Promise.all([behind, closed]);
    expect([stalled.isLetGo, waiting.isLetGo]).toEqual([true, true]);
    expect(rig.ids().slice(1)).toEqual(['behind']);
    expect(clock.pendingCount).toBe(0);
  });

  it('lets a source end in that time', async () => {
    const { rig, clock, queue } = await timedQueue();
    const source = new FedSource();
    const done = queue.enqueue('video', { key: 'a' }, { body: source, id: 'slow' });
    source.feed(noise(2_000_000));
    await clock.advance(0);
    const closed = queue.close();
    await clock.advance(9_000);
    source.end();
    await Promise.all([done, closed]);
    expect(rig.ids().slice(1)).toEqual(['slow']);
    expect(clock.pendingCount).toBe(0);
  });

  it.each<[string, number, CloseOptions | undefined]>([
    ['the time of small tasks', 120_000, undefined],
    ['as long as it is told', 15_000, { timeoutMs: 15_000 }],
  ])('waits for what Kafka does not take for %s; then such tasks are absent', async (_, ms, options) => {
    for (const kind of ['bytes', 'a source that has ended']) {
      const { rig, clock, queue } = await timedQueue();
      const hold = rig.cluster.faults.holdAppend({ topic: 'large.parts' });
      const source = new FedSource();
      source.feed(noise(2_000_000));
      source.end();
      const body = kind === 'bytes' ? noise(2_000_000) : source;
      const call = failureOf(queue.enqueue('video', { key: 'a' }, { body }));
      await hold.reached;
      let isClosed = false;
      const closed = queue.close(options).then(() => {
        isClosed = true;
      });
      await clock.advance(ms - 1);
      expect(isClosed).toBe(false);
      await clock.advance(1);
      expect(await call).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'absent' });
      await closed;
      expect(clock.pendingCount).toBe(0);
      hold.release();
    }
  });

  it('says that a task is unknown whose record Kafka has not confirmed by then', async () => {
    const { rig, clock, queue } = await timedQueue();
    const hold = rig.cluster.faults.holdAppend({ topic: 'large' });
    const call = failureOf(queue.enqueue('video', { key: 'first' }, { body: noise(2_000_000) }));
    await hold.reached;
    const closed = queue.close({ timeoutMs: 5_000 });
    await clock.advance(5_000);
    expect(await call).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'unknown' });
    await closed;
    hold.release();
  });

  it('waits for sources no longer than it is told', async () => {
    const { clock, queue } = await timedQueue();
    const stalled = new FedSource();
    const call = failureOf(queue.enqueue('video', { key: 'a' }, { body: stalled }));
    const closed = queue.close({ timeoutMs: 0 });
    await clock.advance(0);
    expect(await call).toMatchObject({ code: 'QUEUE_CLOSED', outcome: 'absent' });
    await closed;
  });

  it.each([-1, 0.5, Number.NaN, '5'])('refuses a time that is none: %s', async (timeoutMs) => {
    const { queue } = await timedQueue();
    const problems = [expect.objectContaining({ path: 'timeoutMs' })];
    const wrong = Promise.resolve().then(() => queue.close({ timeoutMs } as CloseOptions));
    await expect(wrong).rejects.toMatchObject({ code: 'OPTIONS_INVALID', problems });
    await queue.enqueue('note', { key: 'open' });
    await queue.close();
  });
});
