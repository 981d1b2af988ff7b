import { MAX_BODY_BYTES } from '../codec/codec-limits.ts';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { TaskTooLargeError } from '../errors/task-errors.ts';
import { showValue } from '../options/show-value.ts';
import { isSpent } from '../producer/upload/body-source.ts';
import { OpenBody } from '../producer/upload/open-body.ts';
import { type BodySource, MAX_BYTES_BODY_BYTES } from '../tasks/task-body.ts';
import type { RegisteredTask } from '../tasks/task-registry.ts';

/** A body as it was given to `enqueue`, checked as far as that can be done without reading it. */
export interface GivenBody {
  readonly content: OpenBody;
  /** Most that a body of its type may have. */
  readonly maxBytes: number;
}

/**
 * The body among the options of `enqueue`; undefined for a type without one.
 *
 * @throws OptionsError when it is missing, not allowed or nothing that can be read. TaskTooLargeError.
 */
export function givenBody(task: RegisteredTask, body: unknown): GivenBody | undefined {
  if (task.body === undefined && body === undefined) return undefined;
  const problem = task.body === undefined ? noBodyProblem(task, body) : bodyProblem(task, body);
  if (problem !== undefined) throw new OptionsError(`enqueue('${task.type}')`, [problem]);
  const maxBytes = task.body === 'bytes' ? MAX_BYTES_BODY_BYTES : MAX_BODY_BYTES;
  if (body instanceof Uint8Array && body.length > maxBytes) {
    throw bodyTooLarge(task.type, { sizeBytes: body.length, limitBytes: maxBytes });
  }
  const content = new OpenBody(body as BodySource); // as checked, it is one
  if (content.isTaken) throw new OptionsError(`enqueue('${task.type}')`, [takenProblem(body)]);
  return { content, maxBytes };
}

/** For a stream `sizeBytes` is how much of it was read. */
export function bodyTooLarge(
  type: string,
  size: { readonly sizeBytes: number; readonly limitBytes: number },
): TaskTooLargeError {
  const cure =
    size.limitBytes === MAX_BYTES_BODY_BYTES
      ? "Define the type with body: 'stream', for bodies that are read piece by piece."
      : 'Split it, or store it elsewhere and send a reference.';
  return new TaskTooLargeError({ type, ...size, what: 'its body has at least', cure });
}

function noBodyProblem(task: RegisteredTask, body: unknown): OptionProblem {
  return {
    path: 'body',
    rule: `is not for '${task.type}', a type without a body`,
    value: show(body),
    cure: "Leave it out, or define the type with body: 'bytes' or body: 'stream'.",
  };
}

function takenProblem(body: unknown): OptionProblem {
  return {
    path: 'body',
    rule: 'must not be the body of another task: each would get a part of it',
    value: show(body),
    cure: 'Open the stream anew for every call.',
  };
}

function bodyProblem(task: RegisteredTask, body: unknown): OptionProblem | undefined {
  const refused = (rule: string, cure: string): OptionProblem => ({
    path: 'body',
    rule,
    value: show(body),
    cure,
  });
  if (body === undefined) {
    const cure = 'Pass a Buffer, a Readable or another async iterable of bytes; an empty Buffer for nothing.';
    return refused(`is required: tasks of '${task.type}' have one`, cure);
  }
  if (body instanceof Uint8Array) return undefined;
  if (!isIterable(body)) {
    const rule = 'must be a Buffer (or Uint8Array), a Readable or another async iterable of bytes';
    const cure =
      'Make a Buffer of it: Buffer.from(text), say. Of a Blob give blob.stream(), of a Response its body.';
    return refused(rule, cure);
  }
  // Reading on would give nothing, and the task an empty body, without a word.
  if (!isSpent(body)) return undefined;
  return refused('must not have been read before, or destroyed', 'Open the stream anew for every call.');
}

function isIterable(body: unknown): body is AsyncIterable<unknown> {
  return typeof body === 'object' && body !== null && Symbol.asyncIterator in body;
}

/** A stream shown as JSON would be its inner state. */
function show(value: unknown): string {
  const isPlain = typeof value !== 'object' || value === null || value instanceof Uint8Array;
  return isPlain ? showValue(value, ['body']) : `a ${value.constructor?.name ?? 'object'}`;
}
