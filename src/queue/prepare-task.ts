import { payloadJson } from '../codec/body.ts';
import { defaultCodecLimits } from '../codec/codec-limits.ts';
import { checkFields } from '../codec/enqueue-fields.ts';
import { encodeTask } from '../codec/envelope.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { MAX_DELAY_MS } from '../codec/not-before.ts';
import type { PayloadCodec } from '../codec/payload-codec.ts';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { showValue } from '../options/show-value.ts';
import type { EncodedRecord, Encoding } from '../producer/core/item.ts';
import type { OpenBody } from '../producer/upload/open-body.ts';
import { checkForEnqueue, type EnqueueCheck } from '../tasks/check-for-enqueue.ts';
import { newTaskId } from '../tasks/task-id.ts';
import type { RegisteredTask, TaskRegistry } from '../tasks/task-registry.ts';
import { activeTraceHeaders } from '../telemetry/trace-context.ts';
import { givenBody } from './body-options.ts';
import { checkCallOptions } from './call-options.ts';
import { type Content, encodeLarge, INLINE_BODY_BYTES, type PartsUse } from './encode-large.ts';
import type { EnqueueOptions, EnqueueRequest } from './enqueue-types.ts';

/** A task that was checked and knows its key; not encoded yet. */
export interface PreparedTask {
  readonly task: RegisteredTask;
  /** What `upload` is given: of no other call, also of none under the same id. */
  readonly call: NamedCall;
  readonly id: string;
  readonly key: string;
  readonly check: EnqueueCheck;
  /** Its body, of which nothing was read; undefined for types without one. */
  readonly body: OpenBody | undefined;
  /** Without an `Encoding`: as one record, whatever that takes, for somebody else to send. */
  readonly encode: (task?: Encoding) => EncodedRecord | Promise<EncodedRecord>;
}

/** A call of `enqueue`: its task's id and ordering key. */
export interface NamedCall {
  readonly id: string;
  readonly key: string;
}

/** Writes content of a call's task to the parts topic. */
export type UploadContent = (call: NamedCall, content: Content, signal: AbortSignal) => Promise<BodyManifest>;

/** What tasks of a queue are prepared with. */
export interface Preparing {
  readonly registry: TaskRegistry;
  /** What content goes through; undefined: nothing. */
  readonly codec: PayloadCodec | undefined;
  readonly upload: UploadContent;
}

/**
 * Checks a request, as far as that can be done without waiting.
 *
 * @throws TaskTypeUnknownError, OptionsError, PayloadInvalidError, KeyInvalidError, TaskTooLargeError
 */
export function prepareTask(
  { registry, codec, upload }: Preparing,
  { type, payload, options }: EnqueueRequest,
  { call: name, known }: CallKind = ENQUEUE,
): PreparedTask {
  const task = registry.forEnqueue(type);
  const enqueuedAtMs = Date.now();
  const id = options.id ?? newTaskId(enqueuedAtMs);
  const { headers, idempotencyKey, contentEncoding } = options;
  const bodyToBe = options.body === undefined ? undefined : BODY_TO_BE;
  // Here, not when its turn comes: an id can be a lane key.
  checkFields({ id, type, headers, idempotencyKey, contentEncoding, body: bodyToBe });
  checkCallOptions(`${name}('${task.type}')`, options, known);
  const notBeforeMs = notBefore(task, options.delayMs, enqueuedAtMs);
  const body = givenBody(task, options.body);
  const check = checkForEnqueue(task, payload, id);
  const { key } = check;
  const call: NamedCall = { id, key };
  const trace = activeTraceHeaders();
  const { version } = task;
  const encode = (encoding?: Encoding): EncodedRecord | Promise<EncodedRecord> => {
    const json = payloadJson(task.type, payload, defaultCodecLimits);
    const fields = {
      id,
      type: task.type,
      version,
      payload,
      json,
      key,
      enqueuedAtMs,
      headers,
      idempotencyKey,
      contentEncoding,
      notBeforeMs,
      codec,
      ...trace,
    };
    if (body === undefined && json.length <= defaultCodecLimits.compressAboveBytes)
      return encodeTask(fields, defaultCodecLimits);
    encoding?.holds(json.length);
    const parts = partsUse({ notBeforeMs, encoding, upload: (...what) => upload(call, ...what) });
    return encodeLarge({ task: fields, body, parts });
  };
  body?.content.take();
  return { task, call, id, key, check, body: body?.content, encode };
}

/** Every option, by its name: the type sees to it that none is left out. */
const enqueueOptions: Record<keyof EnqueueRequest['options'], true> = {
  id: true,
  idempotencyKey: true,
  headers: true,
  delayMs: true,
  signal: true,
  timeoutMs: true,
  body: true,
  contentEncoding: true,
};

/** What may be asked of a call that prepares a task. */
interface CallKind {
  readonly call: string;
  readonly known: ReadonlySet<string>;
}

const ENQUEUE: CallKind = { call: 'enqueue', known: new Set(Object.keys(enqueueOptions)) };
const waiting: ReadonlySet<string> = new Set<keyof EnqueueOptions>(['signal', 'timeoutMs']);
/** It waits for nothing. */
export const ENCODE: CallKind = {
  call: 'encode',
  known: new Set([...ENQUEUE.known].filter((name) => !waiting.has(name))),
};

const BODY_TO_BE = { kind: 'given' } as const;

function partsUse({
  notBeforeMs,
  encoding,
  upload,
}: {
  readonly notBeforeMs: number | undefined;
  readonly encoding: Encoding | undefined;
  readonly upload: (content: Content, signal: AbortSignal) => Promise<BodyManifest>;
}): PartsUse {
  if (encoding === undefined) {
    const cure = `An outbox holds tasks of one record, with bodies of at most ${INLINE_BODY_BYTES} bytes. Enqueue it, or store what is large elsewhere and send a reference.`;
    return { kind: 'none', cure };
  }
  // A delayed record moves on in its log, where its parts cannot follow: they would be too old.
  if (notBeforeMs !== undefined)
    return { kind: 'none', cure: 'A task with delayMs must fit one record: enqueue it when it is due.' };
  return { kind: 'upload', upload: (content) => upload(content, encoding.signal) };
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
