import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { PayloadStore } from '../codec/payload-store.ts';
import { objectKey } from '../codec/stored-object.ts';
import { type FileStoreOptions, fileStore } from './file-store.ts';
import { StoreFolder, syncFolder } from './store-folder.ts';

const never = new AbortController().signal;
const place = { queue: 'q', role: 'parts', topicId: 'id', partition: 0 } as const;
const key = objectKey(place, 1, 'u');
const other = objectKey(place, 2, 'v');
const parked = objectKey({ ...place, role: 'parked' }, 1, 'u');
const unreachable = { code: 'PAYLOAD_STORE_FAILED', reason: 'unreachable' };

async function tempFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'keylane-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function* content(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text);
}

async function read(store: PayloadStore, at = key): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.get(at, { from: 0, signal: never })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** A store of one object, in a folder that can be unmounted. */
class Mounted {
  readonly mount: string;
  readonly #elsewhere: string;
  readonly store: PayloadStore;

  private constructor(above: string, options: Partial<FileStoreOptions>) {
    this.mount = join(above, 'mount');
    this.#elsewhere = join(above, 'disk');
    this.store = fileStore({ directory: this.mount, ...options });
  }

  static async open(options: Partial<FileStoreOptions> = { onMissing: 'create' }): Promise<Mounted> {
    const one = new Mounted(await tempFolder(), options);
    if (options.onMissing === undefined) await one.make();
    await one.store.put(key, content('first'), { signal: never });
    return one;
  }

  /** As the docs have operators make it. */
  async make(): Promise<void> {
    await mkdir(this.mount, { recursive: true });
    await writeFile(join(this.mount, '.keylane-store'), '');
  }

  async unmount(): Promise<void> {
    await rename(this.mount, this.#elsewhere);
    await mkdir(this.mount); // a mount point is an empty folder
  }

  async mountAgain(): Promise<void> {
    expect(await readdir(this.mount)).toEqual([]);
    await rm(this.mount, { recursive: true });
    await rename(this.#elsewhere, this.mount);
  }
}

const uses: [string, (store: PayloadStore) => Promise<unknown>][] = [
  ['put', (store) => store.put(other, content('lost'), { signal: never })],
  ['get', (store) => read(store)],
  ['copy', (store) => store.copy(key, parked, { signal: never })],
  ['delete', (store) => store.delete([key])],
  ['listBelow', (store) => store.listBelow({ prefix: 'q/parts/id/0/', below: 'r', maxCount: 9 })],
];

describe('a folder that is not the one that was made for the store', () => {
  it.each(uses)('is not used and not made: %s says what to do', async (_name, use) => {
    const directory = join(await tempFolder(), 'store');
    const store = fileStore({ directory });
    await expect(use(store)).rejects.toMatchObject(unreachable);
    await expect(use(store)).rejects.toThrow(`touch '${join(directory, '.keylane-store')}'`);
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' });
    await mkdir(directory);
    await expect(use(store)).rejects.toMatchObject(unreachable);
    expect(await readdir(directory)).toEqual([]);
  });

  it.each<['create' | undefined, string, (store: PayloadStore) => Promise<unknown>]>(
    uses.flatMap(([name, use]) => [
      ['create', name, use],
      [undefined, name, use],
    ]),
  )('is out of reach when it was unmounted (onMissing %s): %s', async (onMissing, _name, use) => {
    const at = await Mounted.open(onMissing === undefined ? {} : { onMissing });
    await at.unmount();
    await expect(use(at.store)).rejects.toMatchObject(unreachable);
    await at.mountAgain();
    await use(at.store);
  });

  it('takes nothing that was under way when it was unmounted', async () => {
    const at = await Mounted.open();
    const unmounting = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      await at.unmount();
      yield Buffer.from('whole');
    };
    await expect(at.store.put(other, unmounting(), { signal: never })).rejects.toMatchObject(unreachable);
    await at.mountAgain();
    await expect(read(at.store, other)).rejects.toMatchObject({ reason: 'missing' });
    await at.store.put(other, content('again'), { signal: never });
    expect(await read(at.store, other)).toBe('again');
  });

  it('takes nothing that went to the disk below the mount point', async () => {
    const at = await Mounted.open();
    const folder = join(at.mount, dirname(other));
    const unmounting = async function* (): AsyncGenerator<Buffer> {
      const names = await readdir(folder);
      await at.unmount();
      await mkdir(folder, { recursive: true });
      for (const name of names) await writeFile(join(folder, name), 'half');
      yield Buffer.from('whole');
    };
    await expect(at.store.put(other, unmounting(), { signal: never })).rejects.toMatchObject(unreachable);
  });

  it('takes nothing that went to the disk below when it was mounted meanwhile', async () => {
    const at = await Mounted.open();
    await at.unmount();
    await at.make();
    const mounting = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half');
      await rm(at.mount, { recursive: true });
      await mkdir(at.mount);
      await at.mountAgain();
    };
    const failed = { code: 'PAYLOAD_STORE_FAILED' };
    await expect(at.store.put(other, mounting(), { signal: never })).rejects.toMatchObject(failed);
    expect(await read(at.store)).toBe('first');
  });

  it('has what was missing all the time told from what is out of reach', async () => {
    const at = await Mounted.open();
    await expect(read(at.store, other)).rejects.toMatchObject({ reason: 'missing' });
    await expect(at.store.copy(other, parked, { signal: never })).rejects.toMatchObject({
      reason: 'missing',
    });
  });
});

describe('folders below a store', () => {
  class Rig {
    readonly synced: string[] = [];
    failure: Error | undefined;
    readonly directory: string;
    readonly folder: StoreFolder;

    constructor(directory: string) {
      this.directory = directory;
      this.folder = new StoreFolder({
        directory,
        mayCreate: true,
        sync: async (path) => {
          this.synced.push(path.slice(directory.length));
          if (this.failure !== undefined) throw this.failure;
        },
      });
    }

    static async open(): Promise<Rig> {
      const rig = new Rig(await tempFolder());
      await rig.folder.absence();
      rig.synced.length = 0;
      return rig;
    }

    enter(folder: string): Promise<string> {
      return this.folder.within(join(this.directory, folder), async () => 'entered');
    }
  }

  it('are durable before anything is in them, also those that another process has made', async () => {
    const rig = await Rig.open();
    await mkdir(join(rig.directory, 'q', 'parts'), { recursive: true });
    await rig.enter('q/parts/id');
    expect(rig.synced).toEqual(['', '/q', '/q/parts']);
    await rig.enter('q/parts/id');
    await rig.enter('q/parts/other');
    expect(rig.synced).toEqual(['', '/q', '/q/parts', '/q/parts']);
  });

  it('are not used before a disk that has failed has made them durable', async () => {
    const rig = await Rig.open();
    rig.failure = Object.assign(new Error('i/o error'), { code: 'EIO' });
    await expect(rig.enter('q/parts')).rejects.toThrow('i/o error');
    await expect(rig.enter('q/parts')).rejects.toThrow('i/o error');
    rig.failure = undefined;
    expect(await rig.enter('q/parts')).toBe('entered');
    expect(rig.synced).toEqual(['', '', '', '/q']);
  });

  it('are made again when somebody has cleared them away', async () => {
    const at = await Mounted.open();
    await rm(join(at.mount, 'q'), { recursive: true });
    await at.store.put(other, content('again'), { signal: never });
    expect(await read(at.store, other)).toBe('again');
  });
});

describe('making names durable', () => {
  const failing = (code: string) => async () => ({
    sync: async () => {
      throw Object.assign(new Error(code), { code });
    },
    close: async () => {},
  });

  it.each(['EIO', 'ENOSPC', 'EACCES'])('fails with %s', async (code) => {
    await expect(syncFolder('/x', failing(code))).rejects.toThrow(code);
  });

  it.each(['EINVAL', 'ENOTSUP', 'EISDIR', 'EPERM'])('is without it where there is none: %s', async (code) => {
    await syncFolder('/x', failing(code));
  });
});
