import type { StandardSchema } from './standard-schema.ts';
import type { BodyKind, TaskBody, TaskBytes } from './task-body.ts';
import type { Upcast } from './upcast.ts';

/**
 * What is known of one task type: made by `defineTask`, pure data and functions. `Input` is the form that travels (and
 * that `enqueue` takes), `Output` the form that handlers get, `Body` how they get the body: undefined for none.
 */
export interface TaskDefinition<
  Input = unknown,
  Output = unknown,
  Body extends BodyKind | undefined = undefined,
> {
  readonly schema: StandardSchema<Input, Output>;
  /** undefined for unordered tasks: each is alone in its lane, under its own id. Given only what the schema takes. */
  readonly key: ((payload: unknown) => unknown) | undefined;
  readonly unordered: boolean;
  /** undefined = none. */
  readonly timeoutMs: number | undefined;
  readonly version: number;
  /** At index i the step from version i + 1 to i + 2; as many as the version is above 1. */
  readonly upcasts: readonly Upcast[];
  readonly aliases: readonly string[];
  readonly body: Body;
}

/** A task definition of any kind. */
export type AnyTaskDefinition<Input = unknown, Output = unknown> = TaskDefinition<
  Input,
  Output,
  BodyKind | undefined
>;

/** A queue's task types by name. Importable by producers, workers, tests and tools alike: making it does no I/O. */
export type TaskMap = Readonly<Record<string, AnyTaskDefinition>>;

/** The names of a map's task types. */
export type TaskType<T extends TaskMap> = keyof T & string;

/** What `enqueue` takes for a type: the schema's input. */
export type PayloadInput<T extends TaskMap, K extends TaskType<T>> =
  T[K] extends AnyTaskDefinition<infer Input, unknown> ? Input : never;

/** What a handler of a type gets: the schema's output. */
export type PayloadOutput<T extends TaskMap, K extends TaskType<T>> =
  T[K] extends AnyTaskDefinition<unknown, infer Output> ? Output : never;

/** How handlers of a type get its body; undefined for types without one. */
export type BodyOf<T extends TaskMap, K extends TaskType<T>> = T[K]['body'];

/** A type's context: with a body exactly when the type has one. */
export type ContextOf<T extends TaskMap, K extends TaskType<T>, Context> = [BodyOf<T, K>] extends ['stream']
  ? Context & { readonly body: TaskBody }
  : [BodyOf<T, K>] extends ['bytes']
    ? Context & { readonly body: TaskBytes }
    : Context;

/** Runs one task. It is done when the returned promise resolves; what it resolves to is not looked at. */
export type Handler<Payload, Context> = (payload: Payload, ctx: Context) => unknown;

/** When tasks that are waiting are handed over together: as soon as one of these is reached. */
export interface BatchOptions {
  /** Tasks of a batch at most; no more than may be under way at once. Larger: fewer calls, more that fails together. */
  readonly maxSize: number;
  /**
   * Bytes of their payloads as JSON and of their bodies, or of their records in Kafka where those are more. Default
   * 1,048,576. A larger task is a batch of its own.
   */
  readonly maxBytes?: number;
  /** How long the first one waits for others, milliseconds. Default 20. Longer: larger batches when there is little to do. */
  readonly maxWaitMs?: number;
}

/** One task of a batch. */
export interface BatchTask<Payload, Context> {
  readonly payload: Payload;
  /** Its own, as a single handler would get it: signal, heartbeat and follow-ups are per task. */
  readonly ctx: Context;
  /** This task alone has failed with this error, which counts as if it had been thrown by a handler of its own. */
  readonly fail: (error: unknown) => void;
}

/**
 * Runs several tasks of a type at once, all of different keys. When the promise resolves, those are done that were not
 * failed. When it rejects, all have failed with that error, but those that were failed with one of their own.
 */
export interface BatchHandler<Payload, Context> {
  readonly batch: BatchOptions;
  readonly handle: (tasks: readonly BatchTask<Payload, Context>[]) => unknown;
}

/** One handler for every type of the map: for one task at a time, or for batches. */
export type Handlers<T extends TaskMap, Context> = {
  readonly [K in TaskType<T>]:
    | Handler<PayloadOutput<T, K>, ContextOf<T, K, Context>>
    | BatchHandler<PayloadOutput<T, K>, ContextOf<T, K, Context>>;
};

/**
 * The parameter type of what takes handlers, beside `H extends SomeHandlers<T, Context>`: complete, nothing unknown, and
 * a sentence instead of a shape for a name that is not in the map.
 */
export type CheckedHandlers<T extends TaskMap, H, Context> = Handlers<T, Context> & {
  readonly [K in Exclude<keyof H, TaskType<T>>]: UnknownTaskType<T, K & string>;
};

/** Handlers before it is known that none is missing. */
export type SomeHandlers<T extends TaskMap, Context> = Partial<Handlers<T, Context>>;

/** The compile error for a name that is not a task type. */
export type UnknownTaskType<T extends TaskMap, K extends string> = [Similar<T, K>] extends [never]
  ? `'${K}' is not a task type of this queue`
  : `'${K}' is not a task type of this queue; did you mean '${Similar<T, K>}'?`;

/** The types whose names begin with the same three letters. */
type Similar<T extends TaskMap, K extends string> = K extends `${infer A}${infer B}${infer C}${string}`
  ? Extract<TaskType<T>, `${A}${B}${C}${string}`>
  : never;
