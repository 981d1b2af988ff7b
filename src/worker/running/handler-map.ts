import { z } from 'zod';
import { type OptionProblem, OptionsError } from '../../errors/options-error.ts';
import { option, parseOptions } from '../../options/parse-options.ts';
import type { BatchHandler } from '../../tasks/task-map.ts';
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
 * Reads the handlers that a worker was given. `slots` = how many tasks of a type may be under way at once.
 *
 * @throws OptionsError listing every problem
 */
export function resolveHandlers(
  handlers: Readonly<Record<string, AnyHandler>>,
  slots: (type: string) => number,
): ReadonlyMap<string, ResolvedHandler> {
  const problems: OptionProblem[] = [];
  const resolved = new Map<string, ResolvedHandler>();
  for (const [type, handler] of Object.entries(handlers)) {
    if (typeof handler === 'function') {
      resolved.set(type, { kind: 'single', handle: handler });
      continue;
    }
    try {
      const { batch, handle } = parseOptions('queue.worker()', handlerSchema, handler);
      problems.push(...sizeProblems(type, batch.maxSize, slots(type)));
      resolved.set(type, { kind: 'batch', handle, ...batch });
    } catch (error) {
      if (!(error instanceof OptionsError)) throw error;
      problems.push(...error.problems.map((problem) => ({ ...problem, path: `${type}.${problem.path}` })));
    }
  }
  if (problems.length > 0) throw new OptionsError('the handlers of queue.worker()', problems);
  return resolved;
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
