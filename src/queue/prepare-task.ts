import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { checkFields } from '../codec/enqueue-fields.ts';
import { type EncodedTask, encodeTask } from '../codec/envelope.ts';
import { checkForEnqueue, type EnqueueCheck } from '../tasks/check-for-enqueue.ts';
import { newTaskId } from '../tasks/task-id.ts';
import type { RegisteredTask, TaskRegistry } from '../tasks/task-registry.ts';
import { activeTraceHeaders } from '../telemetry/trace-context.ts';
import type { EnqueueRequest } from './enqueue-types.ts';

/** A task that was checked and knows its key; not encoded yet. */
export interface PreparedTask {
  readonly task: RegisteredTask;
  readonly id: string;
  readonly key: string;
  readonly check: EnqueueCheck;
  readonly encode: () => EncodedTask | Promise<EncodedTask>;
}

/**
 * Checks a request, as far as that can be done without waiting.
 *
 * @throws TaskTypeUnknownError, OptionsError, PayloadInvalidError, KeyInvalidError
 */
export function prepareTask(
  registry: TaskRegistry,
  { type, payload, options }: EnqueueRequest,
): PreparedTask {
  const task = registry.forEnqueue(type);
  const enqueuedAtMs = Date.now();
  const id = options.id ?? newTaskId(enqueuedAtMs);
  const { headers, idempotencyKey } = options;
  checkFields({ id, type, headers, idempotencyKey }); // here, not when its turn comes: an id can be a lane key
  const check = checkForEnqueue(task, payload, id);
  const { key } = check;
  const trace = activeTraceHeaders();
  const { version } = task;
  const encode = () =>
    encodeTask(
      { id, type: task.type, version, payload, key, enqueuedAtMs, headers, idempotencyKey, ...trace },
      defaultCodecLimits,
    );
  return { task, id, key, check, encode };
}
