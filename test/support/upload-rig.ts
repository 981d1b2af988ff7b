import { ManualClock } from '../../src/clock/manual-clock.ts';
import { loadLz4 } from '../../src/codec/lz4.ts';
import type { OutgoingRecord } from '../../src/kafka/port.ts';
import type { Appended } from '../../src/producer/core/item.ts';
import { UploadError } from '../../src/producer/upload/upload-error.ts';
import {
  type AppendPart,
  type PartPlace,
  Uploader,
  type UploaderDeps,
  type UploadJob,
} from '../../src/producer/upload/uploader.ts';

/** A part that waits for its script. */
export interface PartCall {
  readonly record: OutgoingRecord;
  readonly place: PartPlace;
  ack(): void;
  reject(error: unknown): void;
}

/** Appends parts as a test says; an append whose signal aborts is rejected, as the producer does it. */
class ScriptedParts {
  /** Without an answer, oldest first. */
  readonly calls: PartCall[] = [];
  /** Upload ids of all parts in a log, in its order. */
  readonly logs = new Map<string, string[]>();
  readonly records: OutgoingRecord[] = [];
  autoAck = false;
  readonly #clock: ManualClock;

  constructor(clock: ManualClock) {
    this.#clock = clock;
  }

  readonly append: AppendPart = (record, place) =>
    new Promise((resolve, reject) => {
      const onAbort = (): void => call.reject(place.signal.reason);
      const drop = (): void => {
        place.signal.removeEventListener('abort', onAbort); // it would keep the record
        const at = this.calls.indexOf(call);
        if (at >= 0) this.calls.splice(at, 1);
      };
      const call: PartCall = {
        record,
        place,
        ack: () => {
          drop();
          resolve(this.#write(record, place));
        },
        reject: (error) => {
          drop();
          reject(error);
        },
      };
      if (this.autoAck) {
        call.ack();
        return;
      }
      this.calls.push(call);
      place.signal.addEventListener('abort', onAbort);
    });

  /** From now on everything is acked at once. */
  ackEverything(): void {
    this.autoAck = true;
    while (this.calls.length > 0) this.calls[0]?.ack();
  }

  #write(record: OutgoingRecord, { topic, partition, upload }: PartPlace): Appended {
    const name = `${topic}/${partition}`;
    const log = this.logs.get(name) ?? [];
    this.logs.set(name, log);
    this.records.push({ ...record, value: Buffer.from(record.value) }); // as a network would
    return { topic, partition, offset: log.push(upload) - 1, timestampMs: this.#clock.wallMs() };
  }
}

/** A source that gives what a test feeds it. */
export class FedSource implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  #end: { readonly error: unknown } | 'whole' | undefined;
  #wake: (() => void) | undefined;
  /** How often it was asked for a chunk. */
  askedCount = 0;
  /** It was told that nobody reads on. */
  isLetGo = false;

  feed(...chunks: readonly Uint8Array[]): void {
    this.#chunks.push(...chunks);
    this.#wake?.();
  }

  end(): void {
    this.#end = 'whole';
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#end = { error };
    this.#wake?.();
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: async () => {
        this.askedCount += 1;
        while (this.#chunks.length === 0 && this.#end === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
        const value = this.#chunks.shift();
        if (value !== undefined) return { value, done: false };
        if (typeof this.#end === 'object') throw this.#end.error;
        return { value: undefined, done: true };
      },
      return: () => {
        this.isLetGo = true;
        return Promise.resolve({ value: undefined, done: true });
      },
    };
  }
}

/** An uploader on scripted appends and a clock that stands still. */
export function setUpUploads(more: Partial<UploaderDeps> = {}) {
  const clock = new ManualClock();
  const parts = new ScriptedParts(clock);
  let uploadCount = 0;
  const newId = (): string => {
    uploadCount += 1;
    return `u${uploadCount}`;
  };
  const uploader = new Uploader({ append: parts.append, clock, newId, loadLz4, ...more });
  /** Lets everything that is ready happen. */
  const settle = (): Promise<void> => clock.advance(0);
  return { clock, parts, uploader, settle };
}

export function upload(source: UploadJob['source'], more: Partial<UploadJob> = {}): UploadJob {
  return {
    topic: 'q.parts',
    partition: 0,
    partBytes: 10,
    timeoutMs: 1_800_000,
    source,
    compress: 'never',
    signal: new AbortController().signal,
    ...more,
  };
}

/** As many bytes, all different in any 251. */
export function bytes(count: number): Buffer {
  return Buffer.alloc(count, Buffer.from(Array.from({ length: 251 }, (_, at) => at)));
}

/** What an upload failed of. */
export const uploadFailureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it did not fail',
    (error: unknown) => (error instanceof UploadError ? error.failure : error),
  );
