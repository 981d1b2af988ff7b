import { Readable } from 'node:stream';
import { GetObjectCommand, S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { expect, it } from 'vitest';
import { s3Store } from './s3-store.ts';

const { signal } = new AbortController();

/** A client that answers by itself. */
class ScriptedClient extends S3Client {
  readonly ranges: (string | undefined)[] = [];
  readonly #answer: () => Readable;

  constructor(answer: () => Readable) {
    super({ region: 'eu-central-1' });
    this.#answer = answer;
  }

  override async send(command: unknown): Promise<never> {
    if (!(command instanceof GetObjectCommand)) throw new Error('nothing else is asked');
    this.ranges.push(command.input.Range);
    return { Body: this.#answer() } as never; // of all that an answer has, this is used
  }
}

async function readAll(client: S3Client, from: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of s3Store({ client, bucket: 'b' }).get('q/parts/id/0/1-u', { from, signal }))
    chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

it('asks for a range also of the whole object: then no client looks for a checksum of it', async () => {
  const client = new ScriptedClient(() => Readable.from([Buffer.from('abc')]));
  expect(await readAll(client, 0)).toBe('abc');
  expect(await readAll(client, 7)).toBe('abc');
  expect(client.ranges).toEqual(['bytes=0-', 'bytes=7-']);
});

it('has nothing to read in an empty object, of which there is no range', async () => {
  const client = new ScriptedClient(() => {
    const $metadata = { httpStatusCode: 416 };
    throw new S3ServiceException({
      name: 'InvalidRange',
      $fault: 'client',
      $metadata,
      message: 'no such byte',
    });
  });
  expect(await readAll(client, 0)).toBe('');
});
