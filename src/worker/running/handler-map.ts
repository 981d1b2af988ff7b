import { z } from 'zod';
import { nearName } from '../../errors/near-name.ts';
import { type OptionProblem, OptionsError } from '../../errors/options-error.ts';
import { option, parseOptions } from '../../options/parse-options.ts';
import { showValue } from '../../options/show-value.ts';
import type { BatchHandler } from '../../tasks/task-map.ts';
import type { TaskRegistry } from '../../tasks/task-registry.ts';
import type { TaskContext } from './task-context.ts';

/** A handler of any task, its payload already checked. */
export type AnyHandler = SingleHandler | BatchHandler<unknown, TaskContext>;
export type SingleHandler = (payload: unknown, context: TaskContext) => unknown;

/** A handler as it is called, with everything filled in. */
export type ResolvedHandler =
  | { readonly kind: 'single'; readonly handle: SingleHandler }
  | {
      readonly kind: 'batch';
      readonly handle: BatchHandler<unknown, TaskContext>['handle'];
      readonly maxSize: number;
      readonly maxBytes: number;
      readonly maxWaitMs: number;
    };

const batchSchema = z.strictObject({
  maxSize: option(z.int().min(1).max(10_000), 'a whole number from 1 to 10,000', 'Say how many at most.'),
  maxBytes: option(
    z.int().min(1).default(1_048_576),
    'a whole number of bytes >= 1',
    'Leave it out for 1,048,576.',
  ),
  maxWaitMs: option(
    z.int().min(0).max(60_000).default(20),
    'a whole number of milliseconds from 0 to 60,000',
    'Leave it out for 20.',
  ),
});

const handlerSchema = z.strictObject({
  batch: batchSchema,
  handle: option(
    z.custom<BatchHandler<unknown, TaskContext>['handle']>((value) => typeof value === 'function'),
    'a function of a list of tasks',
    'Pass handle: async (tasks) => { ... }.',
  ),
});

/**
 * Reads the handlers that a worker was given: one for every type. `slots` = how many tasks of a type may be under way at
 * once.
 *
 * @throws OptionsError listing every problem
 */
export function resolveHandlers(
  handlers: Readonly<Record<string, AnyHandler>>,
  registry: TaskRegistry,
  slots: (type: string) => number,
): ReadonlyMap<string, ResolvedHandler> {
  const given: unknown = handlers;
  if (typeof given !== 'object' || given === null) throw refused([noHandlers(given)]);
  const own = new Map<string, unknown>(Object.entries(given));
  const problems: OptionProblem[] = [];
  const resolved = new Map<string, ResolvedHandler>();
  for (const type of registry.types) {
    const read = readHandler(type, own.get(type), slots(type));
    if ('problems' in read) problems.push(...read.problems);
    else resolved.set(type, read.handler);
    own.delete(type);
  }
  for (const [name, handler] of own) {
    if (handler !== undefined) problems.push(unknownType(name, handler, registry));
  }
  if (problems.length > 0) throw refused(problems);
  return resolved;
}

type Read = { readonly handler: ResolvedHandler } | { readonly problems: readonly OptionProblem[] };

function readHandler(type: string, given: unknown, slots: number): Read {
  if (typeof given === 'function') {
    return { handler: { kind: 'single', handle: given as SingleHandler } }; // what it takes is the task map's to say
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return { problems: [noHandler(type, given)] };
  try {
    const { batch, handle } = parseOptions('queue.worker()', handlerSchema, given);
    const problems = sizeProblems(type, batch.maxSize, slots);
    return problems.length > 0 ? { problems } : { handler: { kind: 'batch', handle, ...batch } };
  } catch (error) {
    if (!(error instanceof OptionsError)) throw error;
    return { problems: error.problems.map((problem) => ({ ...problem, path: `${type}.${problem.path}` })) };
  }
}

function refused(problems: readonly OptionProblem[]): OptionsError {
  return new OptionsError('the handlers of queue.worker()', problems);
}

function noHandlers(given: unknown): OptionProblem {
  return {
    path: '(handlers)',
    rule: 'must be an object with one handler for every task type',
    value: showValue(given, []),
    cure: "Pass { 'type': async (payload, ctx) => { ... } }.",
  };
}

/** Without one, tasks of the type would come to this worker all the same, and hold their keys. */
function noHandler(type: string, given: unknown): OptionProblem {
  const value = showValue(given, []);
  return given === undefined
    ? {
        path: type,
        rule: 'must have a handler',
        value,
        cure: 'A worker gets tasks of every type of its queue: pass a handler for each.',
      }
    : {
        path: type,
        rule: 'must be a function, or { batch, handle } for batches',
        value,
        cure: 'Pass async (payload, ctx) => { ... }.',
      };
}

function unknownType(name: string, given: unknown, registry: TaskRegistry): OptionProblem {
  const near = registry.forRecord(name)?.type ?? nearName(name, registry.types);
  return {
    path: name,
    rule: 'is not a task type of this queue',
    value: showValue(given, []),
    cure: near === undefined ? `Task types: ${registry.types.join(', ')}.` : `Did you mean '${near}'?`,
  };
}

/** A batch that can never be full would always wait for its time. */
function sizeProblems(type: string, maxSize: number, slots: number): OptionProblem[] {
  if (maxSize <= slots) return [];
  return [
    {
      path: `${type}.batch.maxSize`,
      rule: `must not be above the ${slots} tasks of this type that may be under way at once`,
      value: String(maxSize),
      cure: "Lower it, or raise the worker's concurrency (and the type's, if it has one).",
    },
  ];
}
