import { KeyInvalidError, MAX_KEY_BYTES, PayloadInvalidError } from '../errors/task-errors.ts';
import { payloadIssues } from './payload-issues.ts';
import type { SchemaResult } from './standard-schema.ts';
import type { RegisteredTask } from './task-registry.ts';

/**
 * The key, and whether the payload was accepted already. `done` of a check that goes on resolves when the schema
 * accepts and rejects with a PayloadInvalidError; it must be awaited or caught.
 */
export type EnqueueCheck = { readonly key: string } & (
  | { readonly kind: 'checked' }
  | { readonly kind: 'checking'; readonly done: Promise<void> }
);

/**
 * Checks a payload against its schema and takes its key, synchronously: the key decides the task's lane and the order
 * of calls is the order in the lane, so it cannot wait for a schema that checks asynchronously. What travels is the
 * payload as given, not the schema's output. The lane of an unordered task is its own id.
 *
 * @throws PayloadInvalidError, KeyInvalidError
 */
export function checkForEnqueue(task: RegisteredTask, payload: unknown, id: string): EnqueueCheck {
  const result = validate(task, payload);
  if (!(result instanceof Promise)) {
    refuse(task, result);
    return { kind: 'checked', key: keyOf(task, payload, id) };
  }
  const done = result.then(
    (settled) => refuse(task, settled),
    (cause: unknown) => {
      throw schemaThrew(task, cause);
    },
  );
  try {
    return { kind: 'checking', key: keyOf(task, payload, id), done };
  } catch (error) {
    done.catch(() => {}); // nobody else will hear of it: the key's error is the answer
    throw error;
  }
}

function validate(
  task: RegisteredTask,
  payload: unknown,
): SchemaResult<unknown> | Promise<SchemaResult<unknown>> {
  try {
    return task.schema['~standard'].validate(payload);
  } catch (cause) {
    throw schemaThrew(task, cause);
  }
}

function refuse(task: RegisteredTask, result: SchemaResult<unknown>): void {
  if (result.issues !== undefined)
    throw new PayloadInvalidError({ type: task.type }, payloadIssues(result.issues));
}

function schemaThrew(task: RegisteredTask, cause: unknown): PayloadInvalidError {
  return new PayloadInvalidError(
    { type: task.type },
    [{ path: '', message: 'the schema threw (see cause)' }],
    cause,
  );
}

/** Half a surrogate pair has no UTF-8 form: two such keys would become one. */
const loneSurrogate = /\p{Surrogate}/u;

function keyOf(task: RegisteredTask, payload: unknown, id: string): string {
  if (task.key === undefined) return id;
  let key: unknown;
  try {
    key = task.key(payload);
  } catch (cause) {
    throw new KeyInvalidError(task.type, 'could not be computed: its key function threw', cause);
  }
  if (typeof key !== 'string') throw new KeyInvalidError(task.type, `is not a string but ${nameOf(key)}`);
  if (key === '') throw new KeyInvalidError(task.type, 'is empty');
  if (key.length > MAX_KEY_BYTES / 3 && Buffer.byteLength(key) > MAX_KEY_BYTES) {
    throw new KeyInvalidError(task.type, `has ${Buffer.byteLength(key)} bytes`);
  }
  if (loneSurrogate.test(key)) throw new KeyInvalidError(task.type, 'has half a surrogate pair in it');
  return key;
}

function nameOf(value: unknown): string {
  if (value === undefined || value === null) return String(value);
  if (value instanceof Promise) return 'a promise (a key is computed synchronously)';
  return `of type ${typeof value}`;
}
