import { Writable } from 'node:stream';
import { z } from 'zod';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
import { encodeTask, type TaskToEncode } from '../../src/codec/envelope.ts';
import type { OutgoingRecord } from '../../src/kafka/port.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import type { TaskBody } from '../../src/tasks/task-body.ts';
import { TaskRegistry } from '../../src/tasks/task-registry.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import type { Run } from '../../src/worker/core/effects.ts';
import { Lane } from '../../src/worker/core/lane.ts';
import {
  type AnyHandler,
  resolveHandlers,
  type SingleHandler,
} from '../../src/worker/running/handler-map.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import { type TaskEnd, TaskRunner } from '../../src/worker/running/task-runner.ts';
import { CoreRig } from './core-rig.ts';
import { PartsRig, type Upload } from './parts-rig.ts';

type StreamHandler = (body: TaskBody, context: TaskContext, payload: unknown) => unknown;

/** A runner of types with bodies, on a topic of parts. */
export class PartsRunnerRig extends PartsRig {
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

  static streaming(handle: StreamHandler): PartsRunnerRig {
    return new PartsRunnerRig(((payload, context) =>
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

export function bodyOf({ manifest }: Upload): Partial<TaskToEncode> {
  return { body: { kind: 'parts', manifest } };
}

/** Somewhere to store a body; it counts only when it was finished. */
export class Store extends Writable {
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
export const withoutThird = {
  change: (all: readonly OutgoingRecord[]) =>
    all.flatMap((record, at) => (at === 2 ? (all[1] ?? []) : record)),
};
