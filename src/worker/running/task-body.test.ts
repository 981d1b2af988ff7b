import { describe, expect, it } from 'vitest';
import type { PartSource } from '../reading/part-source.ts';
import { BodyStream } from './task-body.ts';

/** Parts of one byte each, given one after the other. */
function sourceOf(count: number): PartSource {
  let given = 0;
  return {
    next: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      given += 1;
      return given <= count ? Buffer.from([given]) : undefined;
    },
    close: () => {},
  };
}

function bodyOf(count: number): BodyStream {
  return new BodyStream({ length: count, contentEncoding: undefined, open: () => sourceOf(count) });
}

describe('a body that is read as a list', () => {
  it('is all there although somebody has begun to listen for its chunks', async () => {
    const body = bodyOf(9);
    body.on('data', () => {});
    const bytes = await body.bytes({ maxBytes: 9 });
    expect([...bytes.join()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it.each([{ maxBytes: 8 }, { maxBytes: Number.NaN }, { maxBytes: undefined }, { maxBytes: -1 }, undefined])(
    'is refused when that is not allowed: %s',
    async (options) => {
      const body = bodyOf(9);
      await expect(body.bytes(options as { maxBytes: number })).rejects.toMatchObject({
        code: 'BODY_TOO_LARGE',
      });
      expect((await body.bytes({ maxBytes: 9 })).length).toBe(9);
    },
  );

  it('is read once, also when it is asked for twice at once', async () => {
    const body = bodyOf(9);
    const [first, second] = await Promise.allSettled([body, body].map((one) => one.bytes({ maxBytes: 9 })));
    expect(first).toMatchObject({ status: 'fulfilled', value: { length: 9 } });
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'BODY_UNREADABLE' } });
    await expect(body.toArray()).rejects.toThrow();
  });

  it('is refused once a loop over its chunks was left', async () => {
    const body = bodyOf(9);
    for await (const _chunk of body) break;
    await expect(body.bytes({ maxBytes: 9 })).rejects.toMatchObject({ code: 'BODY_UNREADABLE' });
  });

  it('does not end the process when its handler ends without waiting for it', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const body = bodyOf(9);
    void body.bytes({ maxBytes: 9 });
    body.end();
    void bodyOf(9).bytes({ maxBytes: 1 });
    for (let n = 0; n < 5; n += 1) await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
