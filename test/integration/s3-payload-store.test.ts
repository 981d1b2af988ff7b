import { randomUUID } from 'node:crypto';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { PayloadStore } from 'keylane';
import { s3Store } from 'keylane/s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { objectKey } from '../../src/codec/stored-object.ts';
import { payloadStoreCases } from '../conformance/payload-store.ts';
import { S3Server } from '../support/s3/s3-server.ts';

const PART_BYTES = 5 * 1024 * 1024;
const never = new AbortController().signal;

let server: S3Server;

beforeAll(async () => {
  server = await S3Server.start();
});

afterAll(() => server[Symbol.asyncDispose]());

/** Empty, in a place of its own. */
function open({
  secret,
  bucket = server.bucket,
}: {
  readonly secret?: string;
  readonly bucket?: string;
} = {}): PayloadStore {
  const client = server.client(secret === undefined ? {} : { secret });
  return s3Store({ client, bucket, prefix: `${randomUUID()}/` });
}

const place = { queue: 'q', role: 'parts', topicId: 'id', partition: 0 } as const;

async function* pieces(count: number, before: (at: number) => unknown = () => {}): AsyncGenerator<Buffer> {
  for (let at = 0; at < count; at += 1) {
    await before(at);
    yield Buffer.alloc(1_000_000, String(at));
  }
}

async function lengthOf(store: PayloadStore, key: string): Promise<number> {
  let length = 0;
  for await (const chunk of store.get(key, { from: 0, signal: never })) length += chunk.length;
  return length;
}

async function uploadsLeft(): Promise<number> {
  const listed = await server.client().send(new ListMultipartUploadsCommand({ Bucket: server.bucket }));
  return listed.Uploads?.length ?? 0;
}

describe('a store in a bucket', () => {
  payloadStoreCases(async () => open(), PART_BYTES);

  it('takes back an upload in parts that comes to nothing', async () => {
    const store = open();
    let seen = 0;
    const failing = pieces(30, async (at) => {
      if (at === 12) seen = await uploadsLeft();
      if (at === 25) throw new Error('the source is gone');
    });
    await expect(store.put(objectKey(place, 1, 'u'), failing, { signal: never })).rejects.toThrow(
      'the source is gone',
    );
    expect([seen, await uploadsLeft()]).toEqual([1, 0]);
  });

  it('goes on with an upload when the server was killed meanwhile', async () => {
    const store = open();
    const key = objectKey(place, 1, 'u');
    let restarted: Promise<void> | undefined;
    const killing = pieces(30, async (at) => {
      if (at !== 15) return;
      await server.kill();
      restarted = server.restart();
    });
    await store.put(key, killing, { signal: never });
    await restarted;
    expect(await lengthOf(store, key)).toBe(30_000_000);
  });

  it('says that its user is refused', async () => {
    const store = open({ secret: 'another' });
    const key = objectKey(place, 1, 'u');
    const denied = { code: 'PAYLOAD_STORE_FAILED', reason: 'denied' };
    await expect(store.put(key, pieces(1), { signal: never })).rejects.toMatchObject(denied);
    await expect(store.put(key, pieces(12), { signal: never })).rejects.toMatchObject(denied);
    await expect(lengthOf(store, key)).rejects.toMatchObject(denied);
    await expect(store.copy(key, objectKey(place, 2, 'u'), { signal: never })).rejects.toMatchObject(denied);
    await expect(store.delete([key])).rejects.toMatchObject(denied);
    const list = { prefix: 'q/parts/id/0/', below: 'q/parts/id/0/9', maxCount: 1 };
    await expect(store.listBelow(list)).rejects.toMatchObject(denied);
  });

  it('takes a bucket that is not there for a mistake, not for a lost object', async () => {
    const store = open({ bucket: 'misspelt' });
    await expect(lengthOf(store, objectKey(place, 1, 'u'))).rejects.toMatchObject({
      reason: 'unreachable',
    });
  });

  it('goes nowhere with a key that is none', async () => {
    await expect(lengthOf(open(), '../bodies/x')).rejects.toMatchObject({ reason: 'failed' });
  });

  it('lists all options that are wrong, and shows nothing of the client', () => {
    const wrong = {
      client: { send: 1, secret: 'hunter2' },
      bucket: '',
      prefix: '/x',
      name: 'S3',
      partBytes: 1,
      maxParts: 0,
      more: 1,
    };
    const make = (): unknown => s3Store(wrong as never);
    expect(make).toThrowError(
      /client[\s\S]*bucket[\s\S]*prefix[\s\S]*name[\s\S]*partBytes[\s\S]*maxParts[\s\S]*more/,
    );
    expect(make).not.toThrowError(/hunter2/);
  });
});
