import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { payloadStoreCases } from '../../test/conformance/payload-store.ts';
import { MemoryStore } from '../../test/support/memory-store.ts';
import { Signal } from '../../test/support/queue-rig.ts';
import { objectKey, objectsBelow } from '../codec/stored-object.ts';
import { fileStore } from './file-store.ts';

async function tempFolder(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'keylane-store-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

const never = new AbortController().signal;
const place = { queue: 'q', role: 'parts', topicId: 'id', partition: 0 } as const;

async function* once(content: string): AsyncGenerator<Buffer> {
  yield Buffer.from(content);
}

describe('a file store', () => {
  payloadStoreCases(
    async () => fileStore({ directory: await tempFolder(), onMissing: 'create' }),
    5 * 1024 * 1024,
  );

  test.each([
    '../x/y',
    'q/../../x',
    '/etc/passwd',
    'q/parts/./a',
    'q//a',
    'q/parts/a/',
    'q/pa rts/a',
    'q\\a',
    '',
  ])('goes nowhere with the key %j', async (key) => {
    const directory = await tempFolder();
    const store = fileStore({ directory: join(directory, 'inside'), onMissing: 'create' });
    const refused = { code: 'PAYLOAD_STORE_FAILED', reason: 'failed' };
    await expect(store.put(key, once('x'), { signal: never })).rejects.toMatchObject(refused);
    await expect(store.copy(key, objectKey(place, 1, 'u'), { signal: never })).rejects.toMatchObject(refused);
    await expect(store.delete([key])).rejects.toMatchObject(refused);
    await expect(
      store.get(key, { from: 0, signal: never })[Symbol.asyncIterator]().next(),
    ).rejects.toMatchObject(refused);
    expect(await readdir(directory)).toEqual([]);
  });

  it('lists what a writer that died has left, so that it goes when its marker is gone', async () => {
    const directory = await tempFolder();
    const store = fileStore({ directory, onMissing: 'create' });
    const death = new Signal();
    const dying = async function* (): AsyncGenerator<Buffer> {
      yield Buffer.from('half of it');
      await death.promise;
    };
    const dead = store.put(objectKey(place, 4, 'u'), dying(), { signal: never });
    const listed = async (): Promise<readonly string[]> =>
      store.listBelow({ prefix: 'q/parts/id/0/', below: objectsBelow(place, 5), maxCount: 10 });
    await expect.poll(listed).toHaveLength(1);
    const [left = ''] = await listed();
    expect(left).toMatch(/^q\/parts\/id\/0\/0000000000000004-u\.[0-9a-f-]+\.tmp$/);
    await utimes(join(directory, left), 0, 0);
    await store.delete([left]);
    expect(await listed()).toEqual([]);
    death.resolve();
    await expect(dead).rejects.toMatchObject({ code: 'PAYLOAD_STORE_FAILED' });
  });

  it('says which options are wrong', () => {
    const wrong = { directory: '', name: 'NO', onMissing: 'make' as 'create', size: 1 };
    expect(() => fileStore(wrong)).toThrowError(/directory[\s\S]*name[\s\S]*onMissing[\s\S]*size/);
    expect(fileStore({ directory: '/x' }).name).toBe('file');
    expect(fileStore({ directory: '/x', name: 'nas' }).name).toBe('nas');
  });
});

describe('the store in memory that tests use', () => {
  payloadStoreCases(async () => new MemoryStore(), 100_000);
});
