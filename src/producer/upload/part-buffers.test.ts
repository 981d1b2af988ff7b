import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { PartBuffers } from './part-buffers.ts';

describe('the buffers of parts', () => {
  it('are given out again when they were given back, by size', () => {
    const buffers = new PartBuffers();
    buffers.use();
    const [small, large] = [buffers.take(10), buffers.take(20)];
    expect(buffers.take(10)).not.toBe(small);
    buffers.giveBack(large);
    buffers.giveBack(small);
    expect(buffers.take(10)).toBe(small);
    expect(buffers.take(20)).toBe(large);
  });

  it('are never those of others, nor pieces', () => {
    const buffers = new PartBuffers();
    buffers.use();
    const own = Buffer.alloc(10);
    const piece = buffers.take(20).subarray(0, 10);
    buffers.giveBack(own);
    buffers.giveBack(piece);
    const taken = buffers.take(10);
    expect(taken).not.toBe(own);
    expect(taken).not.toBe(piece);
  });

  it('are still there for the next one after nobody has used any', () => {
    const buffers = new PartBuffers();
    const [first, second] = [buffers.use(), buffers.use()];
    const kept = buffers.take(10);
    buffers.giveBack(kept);
    first();
    second();
    buffers.use();
    expect(buffers.take(10)).toBe(kept);
  });

  it('are let go of when nobody uses any and the memory is reclaimed', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void; // so it says there
    const buffers = new PartBuffers();
    const end = buffers.use();
    const kept = new WeakRef(buffers.take(1_000_000));
    buffers.giveBack(kept.deref() ?? Buffer.alloc(0));
    end();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(kept.deref()).toBeUndefined();
  });
});
