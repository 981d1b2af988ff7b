import { describe, expect, it } from 'vitest';
import { PartGarbage } from './part-garbage.ts';
import type { UploadParts } from './part-source.ts';

const MIB = 1024 * 1024;

describe('what was read of bodies is collected', () => {
  it('each time that 4 MiB were given out, whichever body they were of', async () => {
    let collections = 0;
    const garbage = new PartGarbage(() => {
      collections += 1;
    });
    const [one, other] = [garbage.watch(sourceOf(6)), garbage.watch(sourceOf(12))];
    for (let at = 0; at < 2; at += 1) await one.next();
    await other.nextPart();
    expect(collections).toBe(0);
    await other.next();
    expect(collections).toBe(1);
    for (let at = 0; at < 4; at += 1) await other.next();
    expect(collections).toBe(2);
  });

  it('and parts, their end, failures and closing are passed on', async () => {
    const closed: string[] = [];
    const garbage = new PartGarbage(() => {});
    const source = sourceOf(1, () => closed.push('closed'));
    const watched = garbage.watch(source);
    expect((await watched.next())?.length).toBe(MIB);
    expect(await watched.next()).toBeUndefined();
    expect(await watched.nextPart()).toBeUndefined();
    source.nextPart = () => Promise.reject(new Error('gone'));
    await expect(watched.next()).rejects.toThrow('gone');
    watched.close();
    expect(closed).toEqual(['closed']);
  });

  it('only where the process lets it be: else a source is left as it is', () => {
    const source = sourceOf(1);
    expect(new PartGarbage().watch(source) === source).toBe(globalThis.gc === undefined);
  });
});

function sourceOf(count: number, close = (): void => {}): UploadParts {
  let left = count;
  const nextPart: UploadParts['nextPart'] = async () => {
    if (left === 0) return undefined;
    left -= 1;
    return { index: left, content: Buffer.alloc(MIB), crc: 0, frame: undefined, coded: undefined };
  };
  return { nextPart, next: async () => (await nextPart())?.content, close };
}
