import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { checkFields } from '../codec/enqueue-fields.ts';
import { type EncodedTask, encodeTask } from '../codec/envelope.ts';
import { MAX_DELAY_MS } from '../codec/not-before.ts';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { showValue } from '../options/show-value.ts';
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
  const notBeforeMs = notBefore(task, options.delayMs, enqueuedAtMs);
  const check = checkForEnqueue(task, payload, id);
  const { key } = check;
  const trace = activeTraceHeaders();
  const { version } = task;
  const encode = () =>
    encodeTask(
      {
        id,
        type: task.type,
        version,
        payload,
        key,
        enqueuedAtMs,
        headers,
        idempotencyKey,
        notBeforeMs,
        ...trace,
      },
      defaultCodecLimits,
    );
  return { task, id, key, check, encode };
}

/** A delayed task would hold up its key, so only those may be delayed that nothing waits for. */
function notBefore(task: RegisteredTask, delayMs: unknown, enqueuedAtMs: number): number | undefined {
  if (delayMs === undefined) return undefined;
  const problems: OptionProblem[] = [];
  const value = showValue(delayMs, ['delayMs']);
  const valid = typeof delayMs === 'number' && Number.isInteger(delayMs) && delayMs >= 0;
  if (!valid || delayMs > MAX_DELAY_MS) {
    problems.push({
      path: 'delayMs',
      rule: `must be a whole number of milliseconds from 0 to ${MAX_DELAY_MS} (7 days)`,
      value,
      cure: 'Keep what is due later in your own database.',
    });
  }
  if (!task.unordered) {
    problems.push({
      path: 'delayMs',
      rule: `is for unordered types, and '${task.type}' has a key: what follows would have to wait for it`,
      value,
      cure: 'Leave it out, or give delayed work a type of its own with unordered: true.',
    });
  }
  if (!valid || problems.length > 0) throw new OptionsError(`enqueue('${task.type}')`, problems);
  return delayMs === 0 ? undefined : enqueuedAtMs + delayMs;
}
