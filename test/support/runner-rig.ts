import { z } from 'zod';
import { ManualClock } from '../../src/clock/manual-clock.ts';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
import { encodeTask } from '../../src/codec/envelope.ts';
import { codecSet, type PayloadCodec } from '../../src/codec/payload-codec.ts';
import type { RecordedBody } from '../../src/codec/recorded-body.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import { TaskRegistry } from '../../src/tasks/task-registry.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Run } from '../../src/worker/core/effects.ts';
import { Lane } from '../../src/worker/core/lane.ts';
import { type AnyHandler, resolveHandlers } from '../../src/worker/running/handler-map.ts';
import type { PartsOpener } from '../../src/worker/running/task-parts.ts';
import { type TaskEnd, TaskRunner } from '../../src/worker/running/task-runner.ts';
import { CoreRig } from './core-rig.ts';
import { Signal } from './queue-rig.ts';

interface RunnerOptions {
  /** Payloads are valid at once; otherwise they are checked for as long as a test likes. */
  readonly checked?: boolean;
  readonly codec?: PayloadCodec;
  readonly parts?: PartsOpener;
}

const nowhere: PartsOpener = {
  open: () => {
    throw new Error('not here');
  },
};

/** A runner with one type, and what comes of the tasks that it is given. */
export class RunnerRig {
  readonly clock = new ManualClock();
  readonly checked = new Signal();
  readonly ended = new Signal<TaskEnd>();
  readonly stuckMs: number[] = [];
  readonly runner: TaskRunner;
  readonly #codec: PayloadCodec | undefined;

  constructor(handle: AnyHandler, { checked = false, codec, parts = nowhere }: RunnerOptions = {}) {
    if (checked) this.checked.resolve();
    this.#codec = codec;
    const schema = z.object({ key: z.string() }).refine(() => this.checked.promise.then(() => true));
    const key = (payload: { readonly key: string }): string => payload.key;
    const registry = new TaskRegistry({
      work: defineTask({ schema, key, timeoutMs: 1_000 }),
      video: defineTask({ schema, key, body: 'stream' }),
    });
    this.runner = new TaskRunner({
      registry,
      codecs: codecSet(codec, []),
      stores: new Map(),
      handlers: resolveHandlers({ work: handle, video: handle }, registry, () => 64),
      middleware: [],
      classify: () => [],
      onHookFailed: () => {},
      enqueuer: { enqueue: () => Promise.reject(new Error('not here')) },
      parts,
      logger: silentLogger,
      clock: this.clock,
      onStarted: () => {},
      onEnded: (_task, _run, end) => this.ended.resolve(end),
      stuckAfterMs: 30_000,
      onStuck: (_task, abortedMs) => this.stuckMs.push(abortedMs),
    });
  }

  async start({ type = 'work', body }: { type?: string; body?: RecordedBody } = {}): Promise<Run> {
    const { record } = await encodeTask(
      {
        id: 'id',
        type,
        version: 1,
        payload: { key: 'k' },
        key: 'k',
        enqueuedAtMs: 5,
        body,
        codec: this.#codec,
      },
      defaultCodecLimits,
    );
    const run: Run = {
      partition: new CoreRig().take(0),
      lane: new Lane('k'),
      item: {
        offset: 0,
        key: 'k',
        type,
        bytes: 1,
        record: { ...record, topic: 'q', partition: 0, offset: 0, timestampMs: 0 },
      },
      attempt: 1,
    };
    this.runner.start(run);
    return run;
  }

  /** Time goes on in a process that lives: the runner looks at it now and then. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1_000) {
      await this.clock.advance(Math.min(left, 1_000));
      this.runner.watch();
    }
  }
}
