import { once } from 'node:events';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { CoreRig } from '../../../test/support/core-rig.ts';
import { openSilentReader, PartsRig, type Upload } from '../../../test/support/parts-rig.ts';
import { Signal } from '../../../test/support/queue-rig.ts';
import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import { encodeTask, type TaskToEncode } from '../../codec/envelope.ts';
import { DiscardError, ParkError } from '../../errors/control-errors.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';
import { defineTask } from '../../tasks/define-task.ts';
import type { TaskBody, TaskBytes } from '../../tasks/task-body.ts';
import { TaskRegistry } from '../../tasks/task-registry.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import type { Run } from '../core/effects.ts';
import { Lane } from '../core/lane.ts';
import { type AnyHandler, resolveHandlers, type SingleHandler } from './handler-map.ts';
import type { TaskContext } from './task-context.ts';
import { type TaskEnd, TaskRunner } from './task-runner.ts';

type StreamHandler = (body: TaskBody, context: TaskContext, payload: unknown) => unknown;

/** A runner of types with bodies, on a topic of parts. */
class RunnerRig extends PartsRig {
  readonly runner: TaskRunner;
  readonly #ended: ((end: TaskEnd) => void)[] = [];
  lastRun: Run | undefined;

  constructor(handle: AnyHandler) {
    super();
    const schema = z.object({ key: z.string(), text: z.string().optional() });
    const key = (payload: { key: string }): string => payload.key;
    const registry = new TaskRegistry({
      stream: defineTask({ schema, key, body: 'stream', timeoutMs: 1_000 }),
      bytes: defineTask({ schema, key, body: 'bytes' }),
      plain: defineTask({ schema, key }),
    });
    this.runner = new TaskRunner({
      registry,
      codecs: new Map(),
      stores: new Map(),
      handlers: resolveHandlers({ stream: handle, bytes: handle, plain: handle }, registry, () => 64),
      middleware: [],
      classify: () => [],
      onHookFailed: () => {},
      enqueuer: { enqueue: () => Promise.reject(new Error('not here')) },
      parts: this.feed,
      logger: silentLogger,
      clock: this.clock,
      onStarted: () => {},
      onEnded: (_task, _run, end) => this.#ended.shift()?.(end),
      stuckAfterMs: 30_000,
      onStuck: () => {},
    });
  }

  static streaming(handle: StreamHandler): RunnerRig {
    return new RunnerRig(((payload, context) =>
      handle((context as TaskContext & { body: TaskBody }).body, context, payload)) satisfies SingleHandler);
  }

  /** Runs a task; how it ended. */
  async run(
    task: Partial<TaskToEncode>,
    { attempt = 1, appendedAtMs = 2_000, type = 'stream' } = {},
  ): Promise<TaskEnd> {
    const { record } = await encodeTask(
      { id: 'id', type, version: 1, payload: { key: 'k' }, key: 'k', enqueuedAtMs: 5, ...task },
      defaultCodecLimits,
    );
    const at = { topic: 'q', partition: 0, offset: 0, timestampMs: appendedAtMs };
    const run: Run = {
      partition: new CoreRig().take(0),
      lane: new Lane('k'),
      item: { offset: 0, key: 'k', type, bytes: 1, record: { ...record, ...at } },
      attempt,
    };
    this.lastRun = run;
    const end = new Promise<TaskEnd>((resolve) => this.#ended.push(resolve));
    this.runner.start(run);
    return await end;
  }

  abort(reason: 'timeout' | 'partition-lost'): void {
    if (this.lastRun !== undefined) this.runner.abort(this.lastRun, reason);
  }
}

function bodyOf({ manifest }: Upload): Partial<TaskToEncode> {
  return { body: { kind: 'parts', manifest } };
}

/** Somewhere to store a body; it counts only when it was finished. */
class Store extends Writable {
  readonly chunks: Buffer[] = [];
  isFinished = false;

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(done);
  }

  override _final(done: () => void): void {
    this.isFinished = true;
    done();
  }

  get stored(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** In the place of the third part the second is there once more. */
const withoutThird = {
  change: (all: readonly OutgoingRecord[]) =>
    all.flatMap((record, at) => (at === 2 ? (all[1] ?? []) : record)),
};

describe('a body that is a stream', () => {
  it('can be piped to where it is to be, at that pace', async () => {
    const store = new Store();
    const rig = RunnerRig.streaming((body) => pipeline(body, store));
    const upload = await rig.upload('a', 60_500);
    expect(await rig.run(bodyOf(upload))).toEqual({ kind: 'finished' });
    expect([store.isFinished, store.stored.equals(upload.content)]).toEqual([true, true]);
  });

  it('is not read ahead of its handler by more than a window', async () => {
    const go = new Signal();
    const begun = new Signal();
    const rig = RunnerRig.streaming(async (body) => {
      let length = 0;
      for await (const chunk of body) {
        length += (chunk as Buffer).length;
        begun.resolve();
        await go.promise;
      }
      expect(length).toBe(60_000);
    });
    const end = rig.run(bodyOf(await rig.upload('a', 60_000)));
    await begun.promise;
    await rig.clock.advance(10_000);
    expect(rig.readCounts.get(0)).toBeLessThanOrEqual(11);
    go.resolve();
    expect(await end).toEqual({ kind: 'finished' });
  });

  it('says how long it is, how it was compressed, and can be had as a list of parts', async () => {
    const rig = RunnerRig.streaming(async (body) => {
      expect([body.length, body.contentEncoding]).toEqual([2_500, 'gzip']);
      await expect(body.bytes({ maxBytes: 2_499 })).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' });
      const bytes = await body.bytes({ maxBytes: 2_500 });
      expect(bytes.parts.map(({ length }) => length)).toEqual([1_000, 1_000, 500]);
      expect([bytes.length, bytes.contentEncoding]).toEqual([2_500, 'gzip']);
      expect(bytes.join().equals(upload.content)).toBe(true);
      await expect(body.bytes({ maxBytes: 2_500 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    });
    const upload = await rig.upload('a', 2_500);
    const end = await rig.run({ ...bodyOf(upload), contentEncoding: 'gzip' });
    expect(end).toEqual({ kind: 'finished' });
  });

  it('cannot be had as a list once some of it has been read', async () => {
    const rig = RunnerRig.streaming(async (body) => {
      await once(body, 'readable');
      await expect(body.bytes({ maxBytes: 9_999 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 2_500)))).toEqual({ kind: 'finished' });
  });

  it.each([0, 1, 100_000])('of %d bytes may be in the record itself', async (length) => {
    const store = new Store();
    const rig = RunnerRig.streaming((body) => pipeline(body, store));
    const bytes = Buffer.alloc(length, 7);
    expect(await rig.run({ body: { kind: 'inline', bytes } })).toEqual({ kind: 'finished' });
    expect(store.stored.equals(bytes)).toBe(true);
  });

  it('is empty for a task that was enqueued before its type had bodies', async () => {
    const store = new Store();
    const rig = RunnerRig.streaming((body) => pipeline(body, store));
    expect(await rig.run({})).toEqual({ kind: 'finished' });
    expect([store.isFinished, store.stored.length]).toEqual([true, 0]);
  });

  it('is read anew by every try', async () => {
    const stored: Buffer[] = [];
    const rig = RunnerRig.streaming(async (body, { attempt }) => {
      const store = new Store();
      if (attempt === 1) {
        await once(body, 'readable');
        throw new Error('first');
      }
      await pipeline(body, store);
      stored.push(store.stored);
    });
    const upload = await rig.upload('a', 30_000);
    expect(await rig.run(bodyOf(upload))).toMatchObject({ verdict: { kind: 'retry' } });
    expect(await rig.run(bodyOf(upload), { attempt: 2 })).toEqual({ kind: 'finished' });
    expect(stored.map((one) => one.equals(upload.content))).toEqual([true]);
  });

  it('ends with its handler, which need not have read it', async () => {
    const kept: TaskBody[] = [];
    const rig = RunnerRig.streaming((body) => void kept.push(body));
    expect(await rig.run(bodyOf(await rig.upload('a', 30_000)))).toEqual({ kind: 'finished' });
    const [body] = kept;
    await expect(body?.bytes({ maxBytes: 30_000 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
    expect(rig.openCount).toBe(0); // nothing was asked for
  });

  it('may be left when the handler has what it wanted', async () => {
    const rig = RunnerRig.streaming(async (body) => {
      for await (const chunk of body) {
        expect((chunk as Buffer).length).toBe(1_000);
        return;
      }
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 30_000)))).toEqual({ kind: 'finished' });
  });
});

describe('a stream whose parts are lost', () => {
  const dataLoss = {
    kind: 'failed',
    verdict: {
      kind: 'hold',
      reason: 'data-loss',
      error: { code: 'PARTS_LOST', upload: 'a', partition: 0, from: 0, to: 3, part: 2 },
    },
  };

  it('fails before its end, so that nothing is stored as complete', async () => {
    const store = new Store();
    const rig = RunnerRig.streaming((body) => pipeline(body, store));
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
    expect([store.isFinished, store.destroyed]).toEqual([false, true]);
  });

  it.each<[string, () => void]>([
    ['swallows it', () => {}],
    [
      'asks for a discard',
      () => {
        throw new DiscardError('no');
      },
    ],
    [
      'asks to be parked',
      () => {
        throw new ParkError('no');
      },
    ],
    [
      'throws something else',
      () => {
        throw new Error('else');
      },
    ],
  ])('holds the key also when the handler %s', async (_what, react) => {
    const rig = RunnerRig.streaming(async (body) => {
      await pipeline(body, new Store()).catch(react);
    });
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });

  it('holds the key also when its handler wanted a list', async () => {
    const rig = RunnerRig.streaming((body) => body.bytes({ maxBytes: 9_999 }).catch(() => {}));
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });

  it('does not end the process when nobody listens for its error', async () => {
    const rig = RunnerRig.streaming(
      (body) =>
        new Promise<void>((resolve) => {
          body.on('data', () => {}).once('close', () => resolve());
        }),
    );
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500, withoutThird)))).toMatchObject(dataLoss);
  });
});

describe('a stream that cannot be read now', () => {
  const swallowed = (): void => {};
  const passedOn = (error: unknown): never => {
    throw new Error('what the handler makes of it', { cause: error });
  };

  it.each([swallowed, passedOn])(
    'is no attempt at its task, whatever its handler makes of it: %o',
    async (then) => {
      const rig = RunnerRig.streaming((body) => pipeline(body, new Store()).catch(then));
      rig.openReader = openSilentReader;
      const end = rig.run(bodyOf(await rig.upload('a', 3_500)));
      await rig.clock.advance(32_000);
      expect(await end).toMatchObject({
        verdict: { kind: 'retry', delayMs: 1_000, countAttempt: false, error: { code: 'TOPIC_UNREADABLE' } },
      });
    },
  );

  it('is no attempt either when there is no reader to be had', async () => {
    const rig = RunnerRig.streaming((body) => pipeline(body, new Store()));
    const cause = new Error('no broker answers');
    rig.openReader = () => Promise.reject(cause);
    expect(await rig.run(bodyOf(await rig.upload('a', 3_500)))).toMatchObject({
      verdict: { kind: 'retry', countAttempt: false, error: { code: 'TOPIC_UNREADABLE', cause } },
    });
  });

  it('leaves what its handler decides as it is', async () => {
    const rig = RunnerRig.streaming((body) =>
      pipeline(body, new Store()).catch(() => {
        throw new DiscardError('no use');
      }),
    );
    rig.openReader = openSilentReader;
    const end = rig.run(bodyOf(await rig.upload('a', 3_500)));
    await rig.clock.advance(32_000);
    expect(await end).toMatchObject({ verdict: { kind: 'discard' } });
  });

  it('fails a task that has it read before as little', async () => {
    const rig = new RunnerRig(() => {});
    rig.openReader = openSilentReader;
    const end = rig.run(bodyOf(await rig.upload('a', 3_500)), { type: 'bytes' });
    await rig.clock.advance(32_000);
    expect(await end).toMatchObject({ verdict: { kind: 'retry', countAttempt: false } });
  });

  it.each(['timeout', 'partition-lost'] as const)(
    'because of %s is destroyed, and its task not finished',
    async (reason) => {
      const begun = new Signal();
      const errors: unknown[] = [];
      const rig = RunnerRig.streaming(async (body) => {
        try {
          for await (const _chunk of body) {
            begun.resolve();
            await once(body, 'close');
          }
        } catch (error) {
          errors.push(error);
        }
      });
      const end = rig.run(bodyOf(await rig.upload('a', 30_000)));
      await begun.promise;
      rig.abort(reason);
      expect(await end).toMatchObject({ verdict: { kind: 'retry', error: { reason } } });
      expect(errors).toMatchObject([{ reason }]);
    },
  );

  it('although all of it was read is no failure when the time is up afterwards', async () => {
    const read = new Signal();
    const rig = RunnerRig.streaming(async (body, { signal }) => {
      await pipeline(body, new Store());
      read.resolve();
      if (!signal.aborted) await once(signal, 'abort');
    });
    const end = rig.run(bodyOf(await rig.upload('a', 30_000)));
    await read.promise;
    rig.abort('timeout');
    expect(await end).toEqual({ kind: 'finished' });
  });
});

describe('a body that is bytes', () => {
  const handled: TaskBytes[] = [];
  const handle: SingleHandler = (_payload, context) =>
    void handled.push((context as TaskContext & { body: TaskBytes }).body);

  it.each(['parts', 'inline'] as const)('is there when its handler is called, from %s', async (kind) => {
    const rig = new RunnerRig(handle);
    const upload = await rig.upload('a', 30_500);
    const task: Partial<TaskToEncode> =
      kind === 'parts' ? bodyOf(upload) : { body: { kind, bytes: upload.content } };
    expect(await rig.run({ ...task, contentEncoding: 'br' }, { type: 'bytes' })).toEqual({
      kind: 'finished',
    });
    const body = handled.pop();
    expect([body?.length, body?.contentEncoding, body?.join().equals(upload.content)]).toEqual([
      30_500,
      'br',
      true,
    ]);
  });

  it('is never had in part: the handler is not called when some is lost', async () => {
    const rig = new RunnerRig(handle);
    const upload = await rig.upload('a', 3_500, withoutThird);
    expect(await rig.run(bodyOf(upload), { type: 'bytes' })).toMatchObject({
      verdict: { kind: 'hold', reason: 'data-loss' },
    });
    expect(handled).toEqual([]);
  });

  it('is refused when it is larger than memory should hold', async () => {
    const rig = new RunnerRig(handle);
    const { manifest } = await rig.upload('a', 3_500);
    const bytes = 17 * 1024 * 1024;
    const huge = { ...manifest, bytes, count: Math.ceil(bytes / 1_000), to: manifest.from + 20_000 };
    const end = await rig.run({ body: { kind: 'parts', manifest: huge } }, { type: 'bytes' });
    expect(end).toMatchObject({ verdict: { kind: 'hold', reason: 'undecodable' } });
  });

  it('in batches is there for each', async () => {
    const lengths: number[] = [];
    const rig = new RunnerRig({
      batch: { maxSize: 2 },
      handle: (tasks) => {
        for (const { ctx } of tasks) lengths.push((ctx as TaskContext & { body: TaskBytes }).body.length);
      },
    });
    const uploads = [await rig.upload('a', 2_500), await rig.upload('b', 1_500)];
    const ends = await Promise.all(uploads.map((upload) => rig.run(bodyOf(upload), { type: 'bytes' })));
    expect(ends).toEqual([{ kind: 'finished' }, { kind: 'finished' }]);
    expect(lengths.sort((a, b) => a - b)).toEqual([1_500, 2_500]);
  });
});

describe('a payload in parts', () => {
  const payload = { key: 'k', text: 'long '.repeat(5_000) };
  const payloads: unknown[] = [];
  const handle: SingleHandler = (given) => void payloads.push(given);

  it('is read before the handler is called', async () => {
    const rig = new RunnerRig(handle);
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)), { compress: true });
    expect(await rig.run({ payloadParts: manifest }, { type: 'plain' })).toEqual({ kind: 'finished' });
    expect(payloads.pop()).toEqual(payload);
  });

  it('beside a body in parts is read first', async () => {
    const rig = new RunnerRig(handle);
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)));
    const body = await rig.upload('b', 30_000);
    expect(await rig.run({ payloadParts: manifest, ...bodyOf(body) }, { type: 'bytes' })).toEqual({
      kind: 'finished',
    });
    expect(payloads.pop()).toEqual(payload);
  });

  it('that is lost holds the key, and one that cannot be read now is tried again', async () => {
    const rig = new RunnerRig(handle);
    const lost = await rig.upload('a', Buffer.from(JSON.stringify(payload)), withoutThird);
    expect(await rig.run({ payloadParts: lost.manifest }, { type: 'plain' })).toMatchObject({
      verdict: { kind: 'hold', reason: 'data-loss', error: { upload: 'a', part: 2 } },
    });
    const { manifest } = await rig.upload('b', Buffer.from(JSON.stringify(payload)));
    await rig.feed.close();
    expect(await rig.run({ payloadParts: manifest }, { type: 'plain' })).toMatchObject({
      verdict: { kind: 'retry', error: { message: 'the worker ends' } },
    });
    expect(payloads).toEqual([]);
  });

  it('is not read on when its task is aborted', async () => {
    const rig = new RunnerRig(handle);
    rig.openReader = openSilentReader;
    const { manifest } = await rig.upload('a', Buffer.from(JSON.stringify(payload)));
    const end = rig.run({ payloadParts: manifest }, { type: 'plain' });
    await rig.clock.advance(100);
    rig.abort('partition-lost');
    expect(await end).toMatchObject({ verdict: { error: { reason: 'partition-lost' } } });
    expect(payloads).toEqual([]);
  });

  it.each(['payload', 'body'])(
    'or a %s whose record came too late is finished without being run',
    async (what) => {
      const rig = new RunnerRig(handle);
      const { manifest } = await rig.upload('a', 3_500); // timeoutMs is 60,000, from 1,000 on
      const task = what === 'payload' ? { payloadParts: manifest } : bodyOf({ manifest } as Upload);
      const late = { appendedAtMs: 61_001, type: 'stream' };
      expect(await rig.run(task, late)).toEqual({ kind: 'void', upload: 'a' });
      expect(payloads).toEqual([]);
      expect(rig.openCount).toBe(0);
    },
  );
});
