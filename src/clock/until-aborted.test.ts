import { expect, it } from 'vitest';
import { untilAborted } from './until-aborted.ts';

const never = (): Promise<never> => new Promise(() => {});

it('brings what the work brings, or its failure', async () => {
  const { signal } = new AbortController();
  expect(await untilAborted(Promise.resolve(7), signal)).toBe(7);
  await expect(untilAborted(Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
});

it('ends with the signal, whatever becomes of the work', async () => {
  const given = new AbortController();
  const waiting = untilAborted(never(), given.signal);
  given.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(untilAborted(never(), given.signal)).rejects.toThrow('enough');
});
