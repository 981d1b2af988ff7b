import type { Clock } from '../../clock/clock.ts';
import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import { type CodecSet, codecSet } from '../../codec/payload-codec.ts';
import type { StoreSet } from '../../codec/payload-store.ts';
import { decodeBody, type RecordHead, readHead } from '../../codec/read-record.ts';
import { CodecMissingError } from '../../errors/codec-errors.ts';
import { RetryLaterError, TaskAbortedError, type TaskAbortReason } from '../../errors/control-errors.ts';
import { StoreMissingError } from '../../errors/store-errors.ts';
import { RecordUndecodableError } from '../../errors/task-errors.ts';
import { readPayload } from '../../tasks/read-payload.ts';
import type { RegisteredTask, TaskRegistry } from '../../tasks/task-registry.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { inTraceOf } from '../../telemetry/trace-context.ts';
import type { Run, Verdict } from '../core/effects.ts';
import { verdictOf } from '../core/verdict.ts';
import { Batcher } from './batcher.ts';
import { type Classify, classifyError } from './classify.ts';
import { type Enqueuer, HandlerContext } from './handler-context.ts';
import type { ResolvedHandler } from './handler-map.ts';
import { Standstills } from './standstill.ts';
import type { BodyBytes, BodyStream } from './task-body.ts';
import type { WorkerMiddleware } from './task-context.ts';
import { type PartsOpener, storesOf, TaskParts, voidUpload } from './task-parts.ts';
import { TaskSignals } from './task-signals.ts';
import { throughMiddleware } from './through-middleware.ts';
import { endWithout, held, unread } from './unread.ts';
import { UserReads, watchedCodec } from './user-reads.ts';

/** A task that is being read or handled. */
export interface ActiveTask {
  readonly run: Run;
  readonly signals: TaskSignals;
  readonly head: RecordHead;
  readonly reads: UserReads;
  /** The process has stood still since: until the group has answered, the task may be somebody else's. */
  readonly hasStoodStill: () => boolean;
  /** When its handler was called. */
  startedAtMs: number;
  /** When its signal is aborted for taking too long. */
  deadlineMs: number;
  /** When its signal was aborted. */
  abortedAtMs: number | undefined;
  stuckReported: boolean;
}

export type TaskEnd =
  | { readonly kind: 'finished' }
  /** Finished without being run: its upload came too late, and its producer has said that it is absent. */
  | { readonly kind: 'void'; readonly upload: string }
  | { readonly kind: 'failed'; readonly verdict: Verdict };

/** A start of a task that this worker knows. */
interface TaskToRun {
  readonly task: ActiveTask;
  readonly definition: RegisteredTask;
  readonly handler: ResolvedHandler;
  /** undefined when its record is all there is. */
  readonly parts: TaskParts | undefined;
  readonly codecs: CodecSet;
}

interface RunnerDeps {
  readonly registry: TaskRegistry;
  readonly codecs: CodecSet;
  readonly stores: StoreSet;
  /** By the type's present name. */
  readonly handlers: ReadonlyMap<string, ResolvedHandler>;
  readonly middleware: readonly WorkerMiddleware[];
  /** Who says what a handler's errors mean, in order, by the type's present name. */
  readonly classify: (type: string) => readonly Classify[];
  readonly onHookFailed: (hook: 'classify', error: unknown) => void;
  readonly enqueuer: Enqueuer;
  /** What is not in the tasks' records. */
  readonly parts: PartsOpener;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly onStarted: (task: ActiveTask) => void;
  readonly onEnded: (task: ActiveTask | undefined, run: Run, end: TaskEnd) => void;
  /** A handler that ignores its aborted signal this long is told to `onStuck`, once. */
  readonly stuckAfterMs: number;
  readonly onStuck: (task: ActiveTask, abortedMs: number) => void;
}

/** Runs handlers: reads the record, checks the payload, calls, watches the time. Decides nothing about order. */
export class TaskRunner {
  readonly #deps: RunnerDeps;
  /** From the start on, so that what is said while a record is still being decoded is not lost. */
  readonly #signals = new Map<Run, TaskSignals>();
  readonly #active = new Map<Run, ActiveTask>();
  readonly #batchers = new Map<ResolvedHandler, Batcher>();
  readonly #standstills = new Standstills();

  constructor(deps: RunnerDeps) {
    this.#deps = deps;
    for (const handler of deps.handlers.values()) {
      if (handler.kind === 'batch') this.#batchers.set(handler, new Batcher(handler, deps.clock));
    }
  }

  get activeCount(): number {
    return this.#signals.size;
  }

  /** It was started, and has not ended. */
  has(run: Run): boolean {
    return this.#signals.has(run);
  }

  /** Ends with exactly one call of onEnded, never synchronously. */
  start(run: Run): void {
    this.#signals.set(run, new TaskSignals());
    void this.#run(run).then((end) => {
      const task = this.#active.get(run);
      this.#signals.delete(run);
      this.#active.delete(run);
      this.#deps.onEnded(task, run, end);
    });
  }

  drain(run: Run): void {
    this.#signals.get(run)?.drain();
  }

  abort(run: Run, reason: TaskAbortReason): void {
    const signals = this.#signals.get(run);
    if (signals === undefined || signals.aborted !== undefined) return;
    const task = this.#active.get(run);
    if (task !== undefined) task.abortedAtMs = this.#deps.clock.monotonicMs();
    signals.abort(reason);
  }

  abortAll(reason: TaskAbortReason): void {
    for (const run of this.#signals.keys()) this.abort(run, reason);
  }

  /** Aborts what has run for too long and reports what does not end. Called every few milliseconds. */
  watch(): void {
    const nowMs = this.#deps.clock.monotonicMs();
    this.#standstills.countAt(nowMs);
    for (const task of this.#active.values()) {
      if (nowMs >= task.deadlineMs || task.reads.isOverdue(nowMs)) this.abort(task.run, 'timeout');
      if (task.abortedAtMs === undefined || task.stuckReported) continue;
      const abortedMs = nowMs - task.abortedAtMs;
      if (abortedMs < this.#deps.stuckAfterMs) continue;
      task.stuckReported = true;
      this.#deps.onStuck(task, abortedMs);
    }
  }

  /** Never rejects. */
  async #run(run: Run): Promise<TaskEnd> {
    const read = readHead(run.item.record);
    if (read.kind === 'undecodable') {
      return held('undecodable', new RecordUndecodableError(run.item.record, read.reason));
    }
    const { head } = read;
    const upload = voidUpload(run.item.record, head);
    if (upload !== undefined) return { kind: 'void', upload };
    const definition = this.#deps.registry.forRecord(head.type);
    const handler = definition && this.#deps.handlers.get(definition.type);
    if (definition === undefined || handler === undefined) {
      return held('unknown-type', new Error(`this worker knows no task type '${head.type}'`));
    }
    if (head.version > definition.version) {
      const known = `this worker knows version ${definition.version} of '${head.type}'`;
      return held('newer-version', new Error(`${known}, the task has version ${head.version}`));
    }
    const { codecs } = this.#deps;
    if (head.codedBy !== undefined && !codecs.has(head.codedBy)) {
      return held('codec-missing', new CodecMissingError(head.codedBy));
    }
    const lacking = storesOf(head).find((store) => !this.#deps.stores.has(store));
    if (lacking !== undefined) return held('store-missing', new StoreMissingError(lacking));
    const task = this.#activate(run, head);
    const { signals, reads } = task;
    const codec = head.codedBy === undefined ? undefined : codecs.get(head.codedBy);
    const watched = codec === undefined ? codecs : codecSet(watchedCodec(codec, reads, signals.signal), []);
    const isLarge = definition.body !== undefined || head.payloadParts !== undefined;
    const { record } = run.item;
    const parts = isLarge
      ? new TaskParts(this.#deps.parts, { record, head, codecs: watched }, signals.signal)
      : undefined;
    try {
      return await this.#read({ task, definition, handler, parts, codecs: watched });
    } finally {
      parts?.end();
      await reads.idle();
    }
  }

  #activate(run: Run, head: RecordHead): ActiveTask {
    const { clock } = this.#deps;
    const countNow = (): number => this.#standstills.countAt(clock.monotonicMs());
    const begun = countNow();
    const task: ActiveTask = {
      run,
      head,
      signals: this.#signals.get(run) ?? new TaskSignals(),
      reads: new UserReads(() => clock.monotonicMs()),
      hasStoodStill: () => countNow() !== begun,
      startedAtMs: clock.monotonicMs(),
      deadlineMs: Number.POSITIVE_INFINITY,
      abortedAtMs: undefined,
      stuckReported: false,
    };
    this.#active.set(run, task);
    return task;
  }

  async #read(what: TaskToRun): Promise<TaskEnd> {
    const { task, definition, parts, codecs } = what;
    const { run, head, signals, reads } = task;
    let payload: unknown;
    let body: BodyStream | BodyBytes | undefined;
    try {
      const readParts = parts && ((manifest: BodyManifest) => parts.json(manifest));
      const json = await decodeBody(run.item.record, head, { ...defaultCodecLimits, codecs, readParts });
      payload = await reads.during(() => readPayload(definition, head.version, json));
      if (definition.body !== undefined) body = await parts?.body(definition.body);
    } catch (error) {
      if (signals.aborted === undefined) return unread(error);
    }
    if (signals.aborted !== undefined) {
      return { kind: 'failed', verdict: verdictOf(new TaskAbortedError(signals.aborted)) };
    }
    if (task.hasStoodStill()) return { kind: 'failed', verdict: verdictOf(new RetryLaterError(0)) };
    const end = await this.#handle(what, payload, body);
    return parts?.failure === undefined ? end : endWithout(parts.failure, end);
  }

  async #handle(
    { task, definition, handler, parts }: TaskToRun,
    payload: unknown,
    body: BodyStream | BodyBytes | undefined,
  ): Promise<TaskEnd> {
    const { timeoutMs } = definition;
    const { clock, enqueuer, logger, middleware } = this.#deps;
    const heartbeat = (): void => {
      if (timeoutMs !== undefined) task.deadlineMs = clock.monotonicMs() + timeoutMs;
    };
    const context = new HandlerContext({ task, body, heartbeat, enqueuer, logger });
    const begin = (batch?: object): void => {
      if (batch !== undefined && parts !== undefined) parts.company = batch;
      task.startedAtMs = clock.monotonicMs();
      heartbeat();
      this.#deps.onStarted(task);
    };
    const call = this.#callOf(handler, { task, payload, context, begin });
    try {
      await (middleware.length === 0
        ? inTraceOf(task.head, call)
        : throughMiddleware(middleware, context, async () => void (await inTraceOf(task.head, call))));
      return { kind: 'finished' };
    } catch (error) {
      // A handler that ends because its time was up says so in the words of the signal.
      const timedOut = task.signals.aborted === 'timeout' && isAbort(error);
      return {
        kind: 'failed',
        verdict: this.#judge(timedOut ? new TaskAbortedError('timeout') : error, definition.type, context),
      };
    }
  }

  /** A task of a batch begins, and ends, with its batch. */
  #callOf(
    handler: ResolvedHandler,
    what: {
      readonly task: ActiveTask;
      readonly payload: unknown;
      readonly context: HandlerContext;
      readonly begin: (batch?: object) => void;
    },
  ): () => unknown {
    const { task, payload, context, begin } = what;
    if (handler.kind === 'single') {
      begin();
      return () => handler.handle(payload, context);
    }
    const { signals, run, head, hasStoodStill } = task;
    const { topic, partition, offset } = run.item.record;
    const place = `${topic}/${partition}/${offset}`;
    const batcher = this.#batchers.get(handler);
    return () =>
      batcher?.add({ place, payload, context, signals, bytes: sizeOf(run, head), hasStoodStill, begin });
  }

  #judge(error: unknown, type: string, context: HandlerContext): Verdict {
    const { classify, onHookFailed } = this.#deps;
    return classifyError(error, {
      classify: classify(type),
      context,
      onThrown: (thrown) => onHookFailed('classify', thrown),
    });
  }
}

/** What a task is in its batch: its record, or what was in it and with it when that is more. */
function sizeOf({ item }: Run, { lengthBytes, bodyBytes }: RecordHead): number {
  return Math.max(item.bytes, lengthBytes + bodyBytes);
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
