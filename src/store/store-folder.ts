import { mkdir, open, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { cannotSync, codeOf, isNothingThere } from './file-errors.ts';

/** Lies in a store's folder. Where it does not, the folder is another one: that under the mount point, say. */
const STORE_FILE = '.keylane-store';

const STORE_TEXT =
  'Bodies of tasks are kept below this folder by keylane. Without this file it is not used.\n';

interface StoreFolderOptions {
  readonly directory: string;
  /** Makes it, and its file, when this process has not seen it yet. */
  readonly mayCreate: boolean;
  /** Makes the names in a folder durable. */
  readonly sync?: (path: string) => Promise<void>;
}

/** The folder that a store keeps its files in, which may be on a file system that is not mounted. */
export class StoreFolder {
  readonly #directory: string;
  readonly #sync: (path: string) => Promise<void>;
  #mayCreate: boolean;
  /** Folders whose names were made durable by this process: whoever made one may have died before that. */
  readonly #durable = new Set<string>();

  constructor({ directory, mayCreate, sync = syncFolder }: StoreFolderOptions) {
    this.#directory = resolve(directory);
    this.#mayCreate = mayCreate;
    this.#sync = sync;
  }

  /** Why it cannot be used, and what to do; undefined when it is there. */
  async absence(): Promise<Error | undefined> {
    const file = join(this.#directory, STORE_FILE);
    try {
      await stat(file);
    } catch (error) {
      if (!isNothingThere(error)) throw error;
      if (!this.#mayCreate) return new Error(this.#whatToDo());
      await this.#create(file);
    }
    this.#mayCreate = false; // what is gone from here on has been unmounted
    return undefined;
  }

  #whatToDo(): string {
    const directory = this.#directory;
    return (
      `there is no file ${STORE_FILE} in ${directory}. Mount the file system that belongs there: nothing is lost, and all ` +
      `goes on by itself. If this is a new store, make it once with: mkdir -p '${directory}' && touch ` +
      `'${join(directory, STORE_FILE)}', or with fileStore({ onMissing: 'create' })`
    );
  }

  async #create(file: string): Promise<void> {
    const highest = await mkdir(this.#directory, { recursive: true });
    const made = await open(file, 'a');
    try {
      if ((await made.stat()).size === 0) await made.writeFile(STORE_TEXT);
      await made.sync();
    } finally {
      await made.close();
    }
    const top = highest === undefined ? this.#directory : dirname(highest);
    for (let at = this.#directory; ; at = dirname(at)) {
      await this.#sync(at);
      if (at === top) return;
    }
  }

  /** Does something in a folder below, which is there then, and durable. */
  async within<T>(folder: string, act: () => Promise<T>): Promise<T> {
    await this.#make(folder);
    try {
      return await act();
    } catch (error) {
      if (!isNothingThere(error) || (await this.absence()) !== undefined) throw error;
      // Somebody may have cleared away what was empty.
      this.#durable.clear();
      await this.#make(folder);
      return await act();
    }
  }

  /** Never the store's own folder: a path that leads nowhere would lead to the disk below the mount point. */
  async #make(folder: string): Promise<void> {
    if (this.#durable.has(folder)) return;
    let at = this.#directory;
    for (const name of relative(this.#directory, folder).split(sep)) {
      const above = at;
      at = join(at, name);
      if (this.#durable.has(at)) continue;
      await mkdir(at).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') throw error;
      });
      await this.#sync(above);
      this.#durable.add(at);
    }
  }

  /** A file's name is durable in a folder that is. */
  async syncNames(folder: string): Promise<void> {
    await this.#sync(folder);
  }
}

/** A name is durable when its folder is. */
export async function syncFolder(
  path: string,
  openFolder: (path: string) => Promise<{ sync(): Promise<void>; close(): Promise<void> }> = open,
): Promise<void> {
  try {
    const folder = await openFolder(path);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  } catch (error) {
    if (!cannotSync(error)) throw error;
  }
}
