import { PayloadInvalidError, TaskVersionNewerError, UpcastFailedError } from '../errors/task-errors.ts';
import { payloadIssues } from './payload-issues.ts';
import type { SchemaResult } from './standard-schema.ts';
import type { RegisteredTask } from './task-registry.ts';

/** Whether a record's version is one that this process does not know yet; the worker then holds the key. */
export function isNewerVersion(task: RegisteredTask, version: number): boolean {
  return version > task.version;
}

/**
 * Makes of a recorded payload what the handler gets: the upcast steps from its version to today's, then the schema. A
 * promise only when the schema checks asynchronously.
 *
 * @throws TaskVersionNewerError, UpcastFailedError, PayloadInvalidError
 */
export function readPayload(task: RegisteredTask, version: number, payload: unknown): unknown {
  if (isNewerVersion(task, version)) throw new TaskVersionNewerError(task.type, version, task.version);
  const accept = (result: SchemaResult<unknown>): unknown => {
    if (result.issues === undefined) return result.value;
    throw new PayloadInvalidError(
      { type: task.type, recordedVersion: version },
      payloadIssues(result.issues),
    );
  };
  const refuse = (cause: unknown): never => {
    const issue = { path: '', message: 'the schema threw (see cause)' };
    throw new PayloadInvalidError({ type: task.type, recordedVersion: version }, [issue], cause);
  };
  const current = upcast(task, version, payload);
  let result: SchemaResult<unknown> | Promise<SchemaResult<unknown>>;
  try {
    result = task.schema['~standard'].validate(current);
  } catch (cause) {
    return refuse(cause);
  }
  return result instanceof Promise ? result.then(accept, refuse) : accept(result);
}

function upcast(task: RegisteredTask, version: number, payload: unknown): unknown {
  let current = payload;
  for (const [index, step] of task.upcasts.entries()) {
    const fromVersion = index + 1;
    if (fromVersion < version) continue;
    try {
      current = step(current);
    } catch (cause) {
      throw new UpcastFailedError(task.type, fromVersion, cause);
    }
  }
  return current;
}
