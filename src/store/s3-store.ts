import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Clock, systemClock } from '../clock/clock.ts';
import { withTimeLimit } from '../clock/linked-signal.ts';
import type {
  CopyOptions,
  GetOptions,
  ListOptions,
  PayloadStore,
  PutOptions,
} from '../codec/payload-store.ts';
import { isObjectKey } from '../codec/stored-object.ts';
import { isKeylaneError } from '../errors/keylane-error.ts';
import { PayloadStoreError } from '../errors/store-errors.ts';
import { keepTrying } from './keep-trying.ts';
import { reasonOf, wasBeyondEnd } from './s3-errors.ts';
import { resolveS3Options, type S3StoreOptions } from './s3-options.ts';
import { S3Upload, S3Uploads } from './s3-upload.ts';

export type { S3StoreOptions } from './s3-options.ts';

/** Deletions at once. */
const DELETING_COUNT = 8;

/** Copying takes the store some seconds for a gigabyte; a slower one has longer in the second and third try. */
const COPY_MS = 75_000;

/** Tries of what a worker will do again anyway. */
const TRY_MS = 30_000;

/**
 * Keeps large payloads and bodies in a bucket of S3, or of what speaks its protocol. The client is yours, with its credentials,
 * region and endpoint; it stays open.
 *
 * @throws OptionsError
 */
export function s3Store(options: S3StoreOptions): PayloadStore {
  return new S3Store(resolveS3Options(options), systemClock);
}

class S3Store implements PayloadStore {
  readonly name: string;
  readonly #client: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #uploads: S3Uploads;
  readonly #clock: Clock;

  constructor({ client, bucket, prefix, name, partBytes, maxParts }: Required<S3StoreOptions>, clock: Clock) {
    this.name = name;
    this.#client = client;
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.#uploads = new S3Uploads({ client, bucket, partBytes, maxParts, clock });
    this.#clock = clock;
  }

  async put(key: string, content: AsyncIterable<Uint8Array>, { signal }: PutOptions): Promise<void> {
    try {
      await new S3Upload(this.#uploads, this.#keyOf(key, 'write'), signal).run(content);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#failed(key, 'write', error);
    }
  }

  async *get(key: string, { from, signal }: GetOptions): AsyncGenerator<Uint8Array, void> {
    try {
      // Of the whole too: older clients put a checking stream around that, which keeps its socket when it is not read to its end.
      const Range = `bytes=${from}-`;
      const where = { Bucket: this.#bucket, Key: this.#keyOf(key, 'read'), Range };
      const { Body: body } = await this.#client.send(new GetObjectCommand(where), { abortSignal: signal });
      if (!isReadable(body)) throw new Error('the client gives no stream of Node.js');
      const stop = (): void => void body.destroy(signal.reason);
      signal.addEventListener('abort', stop, { once: true });
      try {
        signal.throwIfAborted();
        for await (const chunk of body) yield chunk;
      } finally {
        signal.removeEventListener('abort', stop);
        body.destroy();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (wasBeyondEnd(error)) return; // also an empty object's
      throw this.#failed(key, 'read', error);
    }
  }

  async copy(from: string, to: string, { signal }: CopyOptions): Promise<void> {
    const source = `${this.#bucket}/${this.#keyOf(from, 'copy')}`;
    const command = new CopyObjectCommand({
      Bucket: this.#bucket,
      Key: this.#keyOf(to, 'copy'),
      CopySource: source.split('/').map(encodeURIComponent).join('/'),
    });
    const copying = keepTrying((abortSignal) => this.#client.send(command, { abortSignal }), {
      forMs: TRY_MS,
      eachMs: COPY_MS,
      signal,
      mayPass: (error) => reasonOf(error) === 'failed',
      clock: this.#clock,
    });
    await copying.catch((error: unknown) => {
      if (signal.aborted) throw signal.reason;
      throw this.#failed(from, 'copy', error);
    });
  }

  /** One by one: not all that speaks S3 takes lists of keys. */
  async delete(keys: readonly string[]): Promise<void> {
    const left = [...keys];
    const some = async (): Promise<void> => {
      for (let key = left.pop(); key !== undefined; key = left.pop()) await this.#delete(key);
    };
    await Promise.all(Array.from({ length: Math.min(keys.length, DELETING_COUNT) }, some));
  }

  async #delete(key: string): Promise<void> {
    const command = new DeleteObjectCommand({ Bucket: this.#bucket, Key: this.#keyOf(key, 'delete') });
    try {
      await withTimeLimit({ ms: TRY_MS, clock: this.#clock }, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      );
    } catch (error) {
      if (reasonOf(error) !== 'missing') throw this.#failed(key, 'delete', error);
    }
  }

  async listBelow({ prefix, below, maxCount }: ListOptions): Promise<readonly string[]> {
    const keys: string[] = [];
    const Prefix = `${this.#prefix}${prefix}`;
    let ContinuationToken: string | undefined;
    do {
      const MaxKeys = Math.min(maxCount - keys.length, 1_000);
      const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix, MaxKeys, ContinuationToken });
      const page = await withTimeLimit({ ms: TRY_MS, clock: this.#clock }, (abortSignal) =>
        this.#client.send(command, { abortSignal }),
      ).catch((error: unknown) => Promise.reject(this.#failed(prefix, 'list', error)));
      for (const { Key = '' } of page.Contents ?? []) {
        const key = Key.slice(this.#prefix.length);
        if (key >= below) return keys;
        keys.push(key);
      }
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined && keys.length < maxCount);
    return keys;
  }

  /** Keys come from records that anyone may have written who can write to the topics. */
  #keyOf(key: string, doing: string): string {
    if (isObjectKey(key)) return `${this.#prefix}${key}`;
    throw this.#failed(key, doing, new Error('it is no key of an object'));
  }

  #failed(key: string, doing: string, error: unknown): unknown {
    if (isKeylaneError(error)) return error;
    return new PayloadStoreError({ store: this.name, key, reason: reasonOf(error) }, doing, error);
  }
}

interface Body extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown;
}

function isReadable(body: unknown): body is Body {
  return typeof body === 'object' && body !== null && 'destroy' in body && Symbol.asyncIterator in body;
}
