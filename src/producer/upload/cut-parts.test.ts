import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, uploadFailureOf } from '../../../test/support/upload-rig.ts';
import type { BodySource } from '../../tasks/task-body.ts';
import { cutParts } from './cut-parts.ts';
import { OpenBody } from './open-body.ts';
import { PartBuffers } from './part-buffers.ts';

async function cut(source: BodySource, partBytes: number, maxBodyBytes?: number): Promise<Buffer[]> {
  const parts: Buffer[] = [];
  const limits = { partBytes, maxBodyBytes };
  for await (const part of cutParts(new OpenBody(source), limits, new PartBuffers())) parts.push(part);
  return parts;
}

async function* given(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks;
}

describe('cutting a body', () => {
  it('gives the content back in parts of exactly the size, whatever it came in', async () => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40, size: 'max' }), { maxLength: 20, size: 'max' });
    const forms = fc.constantFrom<(chunks: readonly Uint8Array[]) => BodySource>(
      (all) => Buffer.concat(all),
      (all) => Uint8Array.from(Buffer.concat(all)),
      given,
      (all) => Readable.from(all),
      (all) => Readable.from(all, { objectMode: false }),
    );
    await fc.assert(
      fc.asyncProperty(chunks, fc.integer({ min: 1, max: 50 }), forms, async (all, partBytes, form) => {
        const whole = Buffer.concat(all);
        const parts = await cut(form(all), partBytes);
        expect(Buffer.concat(parts)).toEqual(whole);
        expect(parts).toHaveLength(Math.ceil(whole.length / partBytes));
        expect(parts.slice(0, -1).every(({ length }) => length === partBytes)).toBe(true);
        expect(parts.at(-1)?.length).not.toBe(0);
      }),
    );
  });

  it('slices bytes without a copy, and copies what a stream gives', async () => {
    const whole = bytes(25);
    const sliced = await cut(whole, 10);
    expect(sliced.every(({ buffer }) => buffer === whole.buffer)).toBe(true);
    const copied = await cut(given([whole]), 10);
    expect(copied.some(({ buffer }) => buffer === whole.buffer)).toBe(false);
    expect(new Set(copied.map(({ buffer }) => buffer)).size).toBe(3);
  });

  it('goes on after what was read ahead', async () => {
    const body = new OpenBody(given([bytes(7), bytes(7), bytes(7)]));
    expect(await body.readWhole(10)).toBeUndefined();
    const parts: Buffer[] = [];
    for await (const part of cutParts(body, { partBytes: 8 }, new PartBuffers())) parts.push(part);
    expect(Buffer.concat(parts)).toEqual(Buffer.concat([bytes(7), bytes(7), bytes(7)]));
  });

  it('refuses more than the limit, as soon as it is seen', async () => {
    const refusal = { kind: 'too-large', sizeBytes: 12, limitBytes: 11 };
    expect(await uploadFailureOf(cut(bytes(12), 5, 11))).toEqual(refusal);
    const source = given([bytes(6), bytes(6), bytes(6)]);
    expect(await uploadFailureOf(cut(source, 5, 11))).toEqual(refusal);
    expect(await cut(bytes(11), 5, 11)).toHaveLength(3);
  });
});
