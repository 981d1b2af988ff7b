import { z } from 'zod';
import type { Clock } from '../../src/clock/clock.ts';
import { ParkError } from '../../src/errors/control-errors.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import type { TaskBody } from '../../src/tasks/task-body.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';

/** Of a part, of the longest body, and of a batch with all its bodies. */
export const PART_BYTES = 1_000;
export const MOST_PARTS = 40;
export const BATCH_BYTES = 60_000;

/**
 * What a handler does with its body:
 * - `read`: takes it part by part, pausing after the first
 * - `half`: takes one part and ends
 * - `list`: has all of it, and keeps that for its pause
 * - `late-list`: the same after its pause
 * - `leave`: asks for all of it and ends at once
 * - `fail`: throws once it has all of it, at first
 * - `hang`: does nothing until its time is up, at first; `stubborn`: and goes on for a while
 * - `park`: is parked, with its body
 */
export const ways = [
  'read',
  'half',
  'list',
  'late-list',
  'leave',
  'fail',
  'hang',
  'stubborn',
  'park',
] as const;
export const types = ['note', 'image', 'video', 'clip'] as const;

const schema = z.object({
  key: z.string(),
  way: z.enum(ways),
  pauseMs: z.number(),
});
type Payload = z.output<typeof schema>;

const options = { schema, key: ({ key }: { readonly key: string }) => key, timeoutMs: 3_000 };
export const bodyTasks = {
  note: defineTask(options),
  image: defineTask({ ...options, body: 'bytes' }),
  video: defineTask({ ...options, timeoutMs: undefined, body: 'stream' }),
  clip: defineTask({ ...options, timeoutMs: undefined, body: 'stream' }),
};

interface Member {
  readonly payload: Payload;
  readonly ctx: TaskContext & { readonly body: TaskBody };
  readonly fail: (error: unknown) => void;
}

interface HandlersDeps {
  readonly clock: Clock;
  readonly count: (what: string) => void;
}

/** Handlers that do with their bodies what their payloads say. */
export class BodyHandlers {
  readonly #deps: HandlersDeps;
  /** Calls that have begun and not ended. */
  handling = 0;

  constructor(deps: HandlersDeps) {
    this.#deps = deps;
  }

  get all() {
    return {
      note: (payload: Payload, context: TaskContext) => this.#act(payload, context),
      image: (payload: Payload, context: TaskContext) => this.#act(payload, context),
      video: (payload: Payload, context: TaskContext & { readonly body: TaskBody }) =>
        this.#act(payload, context, context.body),
      clip: {
        batch: { maxSize: 3, maxBytes: BATCH_BYTES, maxWaitMs: 20 },
        handle: (batch: readonly Member[]) => this.#handleBatch(batch),
      },
    };
  }

  /** All at once; or one after the other, while what has begun waits half-read. */
  async #handleBatch(batch: readonly Member[]): Promise<void> {
    if (batch.length > 1) this.#deps.count('batch');
    const atOnce = (batch[0]?.payload.pauseMs ?? 0) % 2 === 0;
    const acts = batch.map(
      ({ payload, ctx, fail }) =>
        () =>
          this.#act(payload, ctx, ctx.body).catch(fail),
    );
    if (atOnce) {
      await Promise.all(acts.map((act) => act()));
      return;
    }
    for (const { ctx, payload } of batch) {
      if (payload.way === 'read')
        await new Promise((resolve) => ctx.body.once('readable', resolve).once('error', resolve));
    }
    for (const act of acts) await act();
  }

  async #act(payload: Payload, context: TaskContext, body?: TaskBody): Promise<void> {
    this.handling += 1;
    try {
      await this.#actOn(payload, context, body);
    } finally {
      this.handling -= 1;
    }
  }

  async #actOn({ way, pauseMs }: Payload, context: TaskContext, body?: TaskBody): Promise<void> {
    const isFirst = context.attempt === 1;
    const maxBytes = MOST_PARTS * PART_BYTES;
    switch (way) {
      case 'hang':
      case 'stubborn':
        if (!isFirst || body !== undefined) break;
        await untilAborted(context.signal);
        if (way === 'stubborn') await this.#pause(500);
        throw context.signal.reason;
      case 'park':
        throw new ParkError('asked for');
      case 'late-list':
        await this.#pause(pauseMs);
        await body?.bytes({ maxBytes });
        return;
      case 'leave':
        void body?.bytes({ maxBytes });
        return;
      case 'list':
      case 'fail':
        await body?.bytes({ maxBytes });
        await this.#pause(pauseMs);
        if (way === 'fail' && isFirst) throw new Error('at first');
        return;
      case 'half':
      case 'read':
        break;
    }
    let first = true;
    for await (const _part of body ?? []) {
      if (first) await this.#pause(pauseMs);
      first = false;
      if (way === 'half') return;
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#deps.clock.setTimer(ms, resolve));
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
