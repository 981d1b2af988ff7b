import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
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
import { isStoreError, PayloadStoreError } from '../errors/store-errors.ts';
import { showValue } from '../options/show-value.ts';
import { isNothingThere, reasonOf } from './file-errors.ts';
import { StoreFolder } from './store-folder.ts';

export interface FileStoreOptions {
  /**
   * All processes of the queue must see the same folder: on one machine, or a shared file system. There is a file
   * `.keylane-store` in it: without that it is not used, as the file system that belongs there may not be mounted.
   */
  readonly directory: string;
  /**
   * What to do when that file is not there. `'fail'`: refuse, until it is; make it once, by `mkdir` and `touch`. `'create'`:
   * make it, and the folder, when this process first uses it. That is for development: where something is mounted there, and
   * is not now, bodies would go to the disk below it. Default: `'fail'`.
   */
  readonly onMissing?: 'create' | 'fail';
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
  const { directory, name = 'file', onMissing = 'fail' } = checked(options);
  return new FileStore({ directory, name, onMissing });
}

function checked(options: FileStoreOptions): FileStoreOptions {
  const given: Readonly<Record<string, unknown>> =
    typeof options === 'object' && options !== null ? { ...options } : {};
  const { directory, name, onMissing, ...others } = given;
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
  if (onMissing !== undefined && onMissing !== 'create' && onMissing !== 'fail')
    refuse('onMissing', "must be 'create' or 'fail'", "Leave it out for 'fail'.");
  for (const path of Object.keys(others)) refuse(path, 'is not an option', 'Remove it.');
  if (problems.length > 0) throw new OptionsError('fileStore()', problems);
  return options;
}

class FileStore implements PayloadStore {
  readonly name: string;
  readonly #directory: string;
  readonly #folder: StoreFolder;

  constructor({ directory, name, onMissing }: Required<FileStoreOptions>) {
    this.#directory = resolve(directory);
    this.name = name;
    this.#folder = new StoreFolder({ directory: this.#directory, mayCreate: onMissing === 'create' });
  }

  async put(key: string, content: AsyncIterable<Uint8Array>, { signal }: PutOptions): Promise<void> {
    const path = this.#path(key, 'write');
    try {
      await this.#expectFolder(key, 'write');
      await this.#write(path, content, signal);
      await this.#expectFolder(key, 'write'); // or its folders were made, just now, below the mount point
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw await this.#failed(key, 'write', error);
    }
  }

  /** Under another name, beside where it will be: a list finds it there when its writer has died. */
  async #write(path: string, content: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const unfinished = `${path}.${randomUUID()}${UNFINISHED}`;
    const folder = dirname(path);
    try {
      const file = await this.#folder.within(folder, () => open(unfinished, 'wx'));
      await writeAll(file, content, signal);
      await rename(unfinished, path);
      await this.#folder.syncNames(folder);
    } catch (error) {
      await rm(unfinished, { force: true }).catch(() => {});
      throw error;
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
      throw await this.#failed(key, 'read', error);
    }
  }

  /** The same bytes under a second name, where the file system can: files are never changed. */
  async copy(from: string, to: string, { signal }: CopyOptions): Promise<void> {
    const source = this.#path(from, 'copy');
    const target = this.#path(to, 'copy');
    try {
      signal.throwIfAborted();
      await this.#expectFolder(from, 'copy');
      await stat(source);
      const isLinked = await this.#folder.within(dirname(target), () => linkTo(target, source));
      if (isLinked) await this.#folder.syncNames(dirname(target));
      else await this.#write(target, contentOf(source), signal);
      await this.#expectFolder(from, 'copy');
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw await this.#failed(from, 'copy', error);
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      const path = this.#path(key, 'delete');
      try {
        await this.#expectFolder(key, 'delete');
        await rm(path, { force: true });
      } catch (error) {
        throw await this.#failed(key, 'delete', error);
      }
    }
  }

  async listBelow({ prefix, below, maxCount }: ListOptions): Promise<readonly string[]> {
    const folder = this.#path(prefix.replace(/\/$/, ''), 'list');
    try {
      await this.#expectFolder(prefix, 'list');
      const entries = await readdir(folder, { withFileTypes: true });
      const keys = entries.filter((entry) => entry.isFile()).map((entry) => `${prefix}${entry.name}`);
      return keys
        .filter((key) => key < below)
        .sort()
        .slice(0, maxCount);
    } catch (error) {
      const failure = await this.#failed(prefix, 'list', error);
      if (isStoreError(failure, 'missing')) return [];
      throw failure;
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

  /** Rejects when it is not mounted. */
  async #expectFolder(key: string, doing: string): Promise<void> {
    const absence = await this.#folder.absence();
    if (absence !== undefined) throw this.#unreachable(key, doing, absence);
  }

  /** What is not there may only be out of reach. */
  async #failed(key: string, doing: string, error: unknown): Promise<unknown> {
    if (isKeylaneError(error)) return error;
    if (isNothingThere(error)) {
      const absence = await this.#folder.absence().catch((failure: unknown) => failure);
      if (absence !== undefined) return this.#unreachable(key, doing, absence);
    }
    return new PayloadStoreError({ store: this.name, key, reason: reasonOf(error) }, doing, error);
  }

  #unreachable(key: string, doing: string, why: unknown): PayloadStoreError {
    return new PayloadStoreError({ store: this.name, key, reason: 'unreachable' }, doing, why);
  }
}

/** False where the file system has no second names, or there is one already. */
async function linkTo(target: string, source: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    if (isNothingThere(error)) throw error;
    return false;
  }
}

async function* contentOf(path: string): AsyncGenerator<Buffer, void> {
  yield* createReadStream(path);
}

/** Everything is on the disk when it has resolved. The file is closed in any case. */
async function writeAll(
  file: FileHandle,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  try {
    signal.throwIfAborted();
    for await (const chunk of content) {
      signal.throwIfAborted();
      await file.writeFile(chunk);
    }
    signal.throwIfAborted();
    await file.sync();
  } finally {
    await file.close();
  }
}
