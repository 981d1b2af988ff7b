import { describe, expect, it } from 'vitest';
import { manifestOf } from '../../../test/support/parts-rig.ts';
import { Signal } from '../../../test/support/queue-rig.ts';
import { RunnerRig } from '../../../test/support/runner-rig.ts';
import type { PayloadCodec } from '../../codec/payload-codec.ts';
import type { SingleHandler } from './handler-map.ts';
import type { BodyStream } from './task-body.ts';
import type { TaskContext } from './task-context.ts';
import type { PartsOpener } from './task-parts.ts';

const manifest = manifestOf('up', Buffer.from('film'), { partition: 0, from: 0, to: 0 });

/** What was asked of a codec whose answers a test gives. */
class SlowCodec implements PayloadCodec {
  readonly name = 'slow';
  readonly asked = new Signal();
  readonly answer = new Signal();
  readonly signals: AbortSignal[] = [];
  readonly #slowly: string;

  constructor(slowly: 'payload' | 'body' = 'payload') {
    this.#slowly = slowly;
  }

  encode(bytes: Buffer): Buffer {
    return bytes;
  }

  async decode(bytes: Buffer, about: { readonly content: string }, signal: AbortSignal): Promise<Buffer> {
    if (about.content !== this.#slowly) return bytes;
    this.signals.push(signal);
    this.asked.resolve();
    await this.answer.promise;
    return bytes;
  }
}

describe('a codec whose promise does not settle', () => {
  it('is told to end after a minute, and reported when it does not; its key waits', async () => {
    const codec = new SlowCodec();
    const rig = new RunnerRig(() => {}, { checked: true, codec });
    await rig.start();
    await codec.asked.promise;
    await rig.pass(59_000);
    expect(codec.signals.map(({ aborted }) => aborted)).toEqual([false]);
    await rig.pass(1_000);
    expect(codec.signals[0]?.reason).toMatchObject({ reason: 'timeout' });
    expect(rig.stuckMs).toEqual([]);
    await rig.pass(60_000);
    expect(rig.stuckMs).toEqual([30_000]);
    expect(rig.runner.activeCount).toBe(1);
    codec.answer.resolve();
    expect(await rig.ended.promise).toMatchObject({
      verdict: { kind: 'retry', error: { code: 'TASK_TIMEOUT' } },
    });
  });

  it('is told when the partition is lost, and reported when it goes on for long', async () => {
    const codec = new SlowCodec();
    const rig = new RunnerRig(() => {}, { checked: true, codec });
    const run = await rig.start();
    await codec.asked.promise;
    rig.runner.abort(run, 'partition-lost');
    expect(codec.signals[0]?.reason).toMatchObject({ reason: 'partition-lost' });
    await rig.pass(30_000);
    expect(rig.stuckMs).toEqual([30_000]);
    codec.answer.resolve();
    await rig.ended.promise;
  });

  it('counts for each call alone, and a handler has its own time', async () => {
    const codec = new SlowCodec();
    const end = new Signal();
    const rig = new RunnerRig(() => end.promise, { checked: true, codec });
    await rig.start({ type: 'video', body: { kind: 'inline', bytes: Buffer.from('film') } });
    await codec.asked.promise;
    await rig.pass(59_000);
    codec.answer.resolve();
    await rig.pass(200_000);
    end.resolve();
    expect(await rig.ended.promise).toEqual({ kind: 'finished' });
    expect(codec.signals.map(({ aborted }) => aborted)).toEqual([false]);
  });

  it('keeps the key also when its handler has ended without the part that is being decoded', async () => {
    const codec = new SlowCodec('body');
    const about = { upload: 'up', index: 0 };
    const parts: PartsOpener = {
      open: ({ decoding }) => ({
        next: async () => decoding?.decode(Buffer.from('film'), about),
        close: () => {},
      }),
    };
    const handled = new Signal();
    const handler: SingleHandler = async (_, context) => {
      const { body } = context as TaskContext & { readonly body: BodyStream };
      await body.toArray({ signal: context.signal }).finally(() => handled.resolve());
    };
    const rig = new RunnerRig(handler, { checked: true, codec, parts });
    const run = await rig.start({ type: 'video', body: { kind: 'parts', manifest } });
    await codec.asked.promise;
    rig.runner.abort(run, 'partition-lost');
    await handled.promise;
    await rig.pass(30_000);
    expect([rig.runner.activeCount, rig.stuckMs]).toEqual([1, [30_000]]);
    codec.answer.resolve();
    expect(await rig.ended.promise).toMatchObject({ verdict: { error: { code: 'PARTITION_LOST' } } });
    expect(codec.signals[0]?.aborted).toBe(true);
  });
});

it('a schema whose promise does not settle is reported as well', async () => {
  const rig = new RunnerRig(() => {});
  await rig.start();
  await rig.pass(60_000);
  await rig.pass(30_000);
  expect(rig.stuckMs).toEqual([30_000]);
  rig.checked.resolve();
  expect(await rig.ended.promise).toMatchObject({ verdict: { error: { code: 'TASK_TIMEOUT' } } });
});
