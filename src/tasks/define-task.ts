import { z } from 'zod';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { option, parseOptions } from '../options/parse-options.ts';
import {
  isStandardSchema,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
} from './standard-schema.ts';
import type { BodyKind } from './task-body.ts';
import type { TaskDefinition } from './task-map.ts';
import { isTaskTypeName, TASK_TYPE_NAME_RULE } from './task-type-name.ts';
import type { Upcast, Upcasts } from './upcast.ts';
import type { WireSafe } from './wire-safe.ts';

interface CommonTaskOptions<
  S extends StandardSchema,
  Version extends number,
  Body extends BodyKind | undefined,
> {
  /**
   * Describes the payload: a zod schema, or any that offers Standard Schema. Its *input* is what `enqueue` takes and what
   * travels, so it must survive JSON (a date as a string, say, with `z.coerce.date()` or `z.iso.datetime()`); its *output*
   * is what handlers get. Payloads are checked on both sides.
   */
  readonly schema: S;
  /** Longest run of one attempt, in ms; 1 or more. Default: none. Too short: slow attempts are cut off and run again. Too long: a stuck one blocks its key. */
  readonly timeoutMs?: number | undefined;
  /** The payload's version; a whole number from 1, the default. Raise it when tasks already recorded would not fit the schema, and add a step to `upcast`. */
  readonly version?: Version | undefined;
  /** One step from every older version to the next, applied to recorded tasks before the schema. */
  readonly upcast?: Upcasts<Version, SchemaInput<S>> | undefined;
  /** Names that recorded tasks of this type may carry, from before it was renamed. New tasks never get them. */
  readonly aliases?: readonly string[] | undefined;
  /**
   * Tasks of this type have a body beside the payload: bytes, or a stream of them, given to `enqueue` as `{ body }`.
   * `'stream'`: handlers read `ctx.body` as a stream, whatever its size. `'bytes'`: it is read before the handler is
   * called, and has 16 MiB at most. Default: none.
   */
  readonly body?: Body;
}

interface OrderedTaskOptions<
  S extends StandardSchema,
  Version extends number,
  Body extends BodyKind | undefined,
> extends CommonTaskOptions<S, Version, Body> {
  /**
   * The ordering key, from the payload as it travels. Tasks of one key run one after the other, in the order they were
   * enqueued; tasks of different keys run in parallel. A non-empty string of at most 1,024 bytes (UTF-8). Must not
   * depend on anything but the payload. Too coarse: less runs in parallel. Too fine: what belongs together runs at once.
   */
  readonly key: (payload: SchemaInput<S>) => string;
  readonly unordered?: false | undefined;
}

interface KeylessTaskOptions<
  S extends StandardSchema,
  Version extends number,
  Body extends BodyKind | undefined,
> extends CommonTaskOptions<S, Version, Body> {
  /** These tasks have no order among each other: each may run at once with any other. Then there is no `key`. */
  readonly unordered: true;
  readonly key?: undefined;
}

/** What `defineTask` takes: either a `key`, or `unordered: true`. */
// For options with neither, the compiler reports the member whose name sorts last: the missing `key`.
export type TaskOptions<
  S extends StandardSchema,
  Version extends number = 1,
  Body extends BodyKind | undefined = undefined,
> = KeylessTaskOptions<S, Version, Body> | OrderedTaskOptions<S, Version, Body>;

/**
 * Defines a task type: the schema of its payload and what orders it. Does no I/O, so that one task map serves
 * producers, workers, tests and tools.
 *
 * @throws OptionsError listing every problem, gaps in the upcast chain included.
 */
export function defineTask<
  S extends StandardSchema,
  const Version extends number = 1,
  const Body extends BodyKind | undefined = undefined,
>(
  options: TaskOptions<S, Version, Body> & WireSafe<S>,
): TaskDefinition<SchemaInput<S>, SchemaOutput<S>, Body> {
  const { schema, key, unordered, timeoutMs, version, upcast, aliases, body } = checked(options);
  return Object.freeze({
    // The declaration checks that it is a schema, and its type is the caller's.
    schema: schema as StandardSchema<SchemaInput<S>, SchemaOutput<S>>,
    key,
    unordered,
    timeoutMs,
    version,
    upcasts: Object.freeze(Array.from({ length: version - 1 }, (_, i) => upcast[i + 1])) as readonly Upcast[], // the chain has no gap
    aliases: Object.freeze([...aliases]),
    body: body as Body, // the declaration checks it, and leaves it as it was given
  });
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const declaration = z.strictObject({
  schema: option(
    z.custom<StandardSchema>(isStandardSchema),
    'must be a zod schema, or one that offers Standard Schema v1',
    "Pass z.object({ ... }) (zod 4, or 3.24 and later), or another library's schema.",
  ),
  key: option(
    z.custom<(payload: unknown) => unknown>(isFunction).optional(),
    'must be a function from the payload to a string',
    'Pass key: (payload) => payload.someId, or unordered: true.',
  ),
  unordered: option(z.boolean().default(false), 'must be true or false', 'Leave it out for ordered tasks.'),
  timeoutMs: option(
    z
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .optional(),
    'must be a whole number of milliseconds, 1 to 2147483647',
    'Leave it out for none.',
  ),
  version: option(
    z.int().min(1).max(1_000_000).default(1),
    'must be a whole number from 1',
    'Leave it out until the payload changes.',
  ),
  upcast: option(
    z.record(z.string(), z.custom<Upcast>(isFunction)).default({}),
    'must be an object of functions by the version they start from',
    'Pass upcast: { 1: (old) => ({ ... }) }.',
  ),
  aliases: option(
    z.array(z.custom<string>(isTaskTypeName)).default([]),
    `must be a list of task type names: ${TASK_TYPE_NAME_RULE}`,
    'Pass the names that the type had before.',
  ),
  body: option(
    z.enum(['bytes', 'stream']).optional(),
    "must be 'bytes' or 'stream'",
    'Leave it out for tasks that have a payload only.',
  ),
});

function checked(given: unknown): z.output<typeof declaration> {
  const subject = 'defineTask';
  let parsed: z.output<typeof declaration> | undefined;
  const problems: OptionProblem[] = [];
  try {
    parsed = parseOptions(subject, declaration, given);
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    problems.push(...error.problems);
  }
  if (typeof given === 'object' && given !== null)
    problems.push(...orderProblems(given), ...upcastProblems(given));
  if (parsed === undefined || problems.length > 0) throw new OptionsError(subject, problems);
  return parsed;
}

function orderProblems(given: object): OptionProblem[] {
  const key: unknown = Reflect.get(given, 'key');
  const unordered: unknown = Reflect.get(given, 'unordered');
  if (key === undefined && unordered !== true) {
    return [
      {
        path: 'key',
        rule: 'is required',
        value: 'nothing',
        cure: 'Pass key: (payload) => payload.someId; only tasks that need no order among each other say unordered: true.',
      },
    ];
  }
  if (key !== undefined && unordered === true) {
    return [
      {
        path: 'key',
        rule: 'must be left out when unordered is true',
        value: 'both',
        cure: 'Drop unordered to keep the tasks of a key in order, or drop key.',
      },
    ];
  }
  return [];
}

function upcastProblems(given: object): OptionProblem[] {
  const version: unknown = Reflect.get(given, 'version') ?? 1;
  const upcast: unknown = Reflect.get(given, 'upcast') ?? {};
  if (typeof version !== 'number' || !Number.isInteger(version) || version < 1 || version > 1_000_000)
    return [];
  if (typeof upcast !== 'object' || upcast === null) return [];
  const problems: OptionProblem[] = [];
  const steps = new Set(Object.keys(upcast));
  for (let from = 1; from < version; from += 1) {
    if (steps.delete(String(from))) continue;
    problems.push({
      path: `upcast.${from}`,
      rule: `is required: tasks of version ${from} may still be in the topic`,
      value: 'nothing',
      cure: `Pass a function from the payload of version ${from} to that of version ${from + 1}.`,
    });
    if (problems.length === 10) break; // a mistyped version would list thousands
  }
  if (problems.length > 0) return problems;
  for (const extra of steps) {
    problems.push({
      path: `upcast.${extra}`,
      rule: `must start from a version below ${version}`,
      value: `a step from '${extra}'`,
      cure: 'Raise version, or remove the step.',
    });
  }
  return problems;
}
