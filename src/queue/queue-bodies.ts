import { type LinkedSignal, linkSignals } from '../clock/linked-signal.ts';
import type { EnqueueSubject } from '../errors/enqueue-error.ts';
import { type ErrorCode, isKeylaneError } from '../errors/keylane-error.ts';
import type { EncodedRecord } from '../producer/core/item.ts';
import { failureToError } from '../producer/failure-to-error.ts';
import type { OpenBody } from '../producer/upload/open-body.ts';
import { INLINE_BODY_BYTES } from './encode-large.ts';
import type { PreparedTask } from './prepare-task.ts';

/** Whether it takes the time of its source, or of many parts. What is one record at once goes like any task. */
export function isUpload(body: OpenBody | undefined): boolean {
  return body !== undefined && (body.bytes === undefined || body.bytes.length > INLINE_BODY_BYTES);
}

/** As the producer does it: an upload's error becomes that of its task, and its source is destroyed. */
export async function encodeAlone(
  { body, check, encode }: PreparedTask,
  subject: EnqueueSubject,
): Promise<EncodedRecord> {
  try {
    if (check.kind === 'checking') await check.done;
    return await encode();
  } catch (error) {
    if (body !== undefined) letGo(body, error);
    throw failureToError({ kind: 'own', error }, subject);
  }
}

/** What the caller gave was refused, as it may be before anything is read. */
const refusals: ReadonlySet<unknown> = new Set<ErrorCode>([
  'PAYLOAD_INVALID',
  'PAYLOAD_NOT_SERIALIZABLE',
  'TASK_TOO_LARGE',
]);

/** Its call has failed: whatever of, it will not be read any more. One that was only refused leaves it as it was. */
function letGo(body: OpenBody, error: unknown): void {
  if (isKeylaneError(error) && refusals.has(error.code) && body.giveBack()) return;
  body.destroy(error);
}

interface OpenCall {
  readonly cutting: AbortController;
  readonly linked: LinkedSignal;
}

/** Bodies that are being enqueued: their sources may bring something or not, for as long as they please. */
export class QueueBodies {
  readonly #open = new Map<OpenBody, OpenCall>();

  /** The signal for its call: aborts with the caller's, and when it is cut off. */
  signalFor(body: OpenBody | undefined, signal: AbortSignal | undefined): AbortSignal | undefined {
    if (body === undefined || !isUpload(body)) return signal;
    const cutting = new AbortController();
    const linked = linkSignals(signal, cutting.signal);
    this.#open.set(body, { cutting, linked });
    return linked.signal;
  }

  /** Sees what becomes of its task. */
  follow(body: OpenBody | undefined, answer: Promise<unknown>): void {
    if (body === undefined) return;
    answer.then(
      () => this.#end(body),
      (error: unknown) => {
        this.#end(body);
        letGo(body, error);
      },
    );
  }

  #end(body: OpenBody): void {
    this.#open.get(body)?.linked.unlink();
    this.#open.delete(body);
  }

  /** Ends those that were not read to their end, or all: the others wait for Kafka alone, or for a store. */
  cutOff(which: 'unended' | 'all', reason: Error): void {
    for (const [body, { cutting }] of this.#open) {
      if (which === 'all' || !body.isEnded) cutting.abort(reason);
    }
  }
}
