import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { link, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type {
  CopyOptions,
  GetOptions,
  ListOptions,
  PayloadStore,
  PutOptions,
} from '../codec/payload-store.ts';
import { isStoreName } from '../codec/payload-store.ts';
import { isObjectKey } from '../codec/stored-object.ts';
import { isKeylaneError } from '../errors/keylane-error.ts';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { PayloadStoreError } from '../errors/store-errors.ts';
import { showValue } from '../options/show-value.ts';

export interface FileStoreOptions {
  /** All processes of the queue must see the same folder: on one machine, or a shared file system. Made when it is missing. */
  readonly directory: string;
  /** Recorded with each task: a worker finds what reads it by this name. Default: `'file'`. */
  readonly name?: string;
}

/** What a read brings at once. */
const CHUNK_BYTES = 64 * 1024;

/** A file of no object yet, or that never will be one. */
const UNFINISHED = '.tmp';

/**
 * Keeps large payloads and bodies as files: for development, tests, and where a shared file system is what there is.
 *
 * @throws OptionsError
 */
export function fileStore(options: FileStoreOptions): PayloadStore {
  const { directory, name = 'file' } = checked(options);
  return new FileStore(directory, name);
}

function checked(options: FileStoreOptions): FileStoreOptions {
  const given: Readonly<Record<string, unknown>> =
    typeof options === 'object' && options !== null ? { ...options } : {};
  const { directory, name, ...others } = given;
  const problems: OptionProblem[] = [];
  const refuse = (path: string, rule: string, cure: string): void => {
    problems.push({ path, rule, value: showValue(given[path], [path]), cure });
  };
  if (typeof directory !== 'string' || directory === '')
    refuse('directory', 'must be the path of a folder', "Pass directory: '/mnt/bodies'.");
  if (name !== undefined && !isStoreName(name)) {
    const rule = 'must be 1 to 32 lower-case letters, digits, dots, dashes and underscores';
    refuse('name', rule, "Leave it out for 'file'.");
  }
  for (const path of Object.keys(others)) refuse(path, 'is not an option', 'Remove it.');
  if (problems.length > 0) throw new OptionsError('fileStore()', problems);
  return options;
}

class FileStore implements PayloadStore {
  readonly name: string;
  readonly #directory: string;

  constructor(directory: string, name: string) {
    this.#directory = directory;
    this.name = name;
  }

  /** Written under another name, beside where it will be: a list finds it there when its writer has died. */
  async put(key: string, content: AsyncIterable<Uint8Array>, { signal }: PutOptions): Promise<void> {
    const path = this.#path(key, 'write');
    const unfinished = `${path}.${randomUUID()}${UNFINISHED}`;
    try {
      await makeFolder(dirname(path));
      const file = await open(unfinished, 'wx');
      try {
        for await (const chunk of content) {
          signal.throwIfAborted();
          await file.writeFile(chunk);
        }
        signal.throwIfAborted();
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      if (signal.aborted) throw signal.reason;
      throw this.#failed(key, 'write', error);
    }
  }

  async *get(key: string, { from, signal }: GetOptions): AsyncGenerator<Uint8Array, void> {
    const path = this.#path(key, 'read');
    try {
      const file = await open(path, 'r');
      try {
        for (let at = from; ; ) {
          signal.throwIfAborted();
          const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, at);
          if (bytesRead === 0) return;
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
      } finally {
        await file.close();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#failed(key, 'read', error);
    }
  }

  /** The same bytes under a second name, where the file system can: files are never changed. */
  async copy(from: string, to: string, { signal }: CopyOptions): Promise<void> {
    const source = this.#path(from, 'copy');
    const target = this.#path(to, 'copy');
    try {
      signal.throwIfAborted();
      await makeFolder(dirname(target));
      await link(source, target).catch((error: unknown) =>
        codeOf(error) === 'ENOENT' ? Promise.reject(error) : this.#copyBytes(source, target, signal),
      );
      await syncFolder(dirname(target));
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw this.#failed(from, 'copy', error);
    }
  }

  async #copyBytes(source: string, target: string, signal: AbortSignal): Promise<void> {
    const unfinished = `${target}.${randomUUID()}${UNFINISHED}`;
    try {
      await pipeline(createReadStream(source), createWriteStream(unfinished, { flags: 'wx' }), { signal });
      const file = await open(unfinished, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(unfinished, target);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const path = this.#path(key, 'delete');
      await rm(path, { force: true }).catch((error: unknown) => {
        throw this.#failed(key, 'delete', error);
      });
    }
  }

  async listBelow({ prefix, below, maxCount }: ListOptions): Promise<readonly string[]> {
    const folder = this.#path(prefix.replace(/\/$/, ''), 'list');
    try {
      const entries = await readdir(folder, { withFileTypes: true });
      const keys = entries.filter((entry) => entry.isFile()).map((entry) => `${prefix}${entry.name}`);
      return keys
        .filter((key) => key < below)
        .sort()
        .slice(0, maxCount);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw this.#failed(prefix, 'list', error);
    }
  }

  /** Keys come from records that anyone may have written who can write to the topics. */
  #path(key: string, doing: string): string {
    if (!isObjectKey(key))
      throw new PayloadStoreError(
        { store: this.name, key, reason: 'failed' },
        doing,
        new Error('it is no key of an object'),
      );
    return join(this.#directory, key);
  }

  #failed(key: string, doing: string, error: unknown): unknown {
    if (isKeylaneError(error)) return error;
    const code = codeOf(error);
    const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    const reason = code === 'ENOENT' ? 'missing' : denied ? 'denied' : 'failed';
    return new PayloadStoreError({ store: this.name, key, reason }, doing, error);
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** Durable, with all folders that had to be made above it. */
async function makeFolder(path: string): Promise<void> {
  const highest = await mkdir(path, { recursive: true });
  if (highest === undefined) return;
  for (let at = path; at.length >= highest.length; at = dirname(at)) await syncFolder(dirname(at));
}

/** A name is durable when its folder is. Where a folder cannot be opened, it is without that. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined);
  try {
    await folder?.sync().catch(() => {});
  } finally {
    await folder?.close();
  }
}
