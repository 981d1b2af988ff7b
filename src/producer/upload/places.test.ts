import { expect, it } from 'vitest';
import { Places } from './places.ts';

const patient = new AbortController().signal;

it('lets in as many as there are places, then in the order they came', async () => {
  const places = new Places(2);
  const log: string[] = [];
  const enter = (name: string) =>
    places.enter(patient).then((leave) => {
      log.push(name);
      return leave;
    });
  const [first] = [enter('a'), enter('b'), enter('c'), enter('d')];
  const leave = await first;
  await Promise.resolve();
  expect(log).toEqual(['a', 'b']);
  leave?.();
  leave?.(); // a second time does nothing
  await new Promise(setImmediate);
  expect(log).toEqual(['a', 'b', 'c']);
});

it('passes over who gave up, and keeps no place for them', async () => {
  const places = new Places(1);
  const leave = await places.enter(patient);
  const giving = new AbortController();
  const gone = places.enter(giving.signal);
  const next = places.enter(patient);
  giving.abort(new Error('enough'));
  await expect(gone).rejects.toThrow('enough');
  leave();
  (await next)();
  await places.enter(patient);
});

it('lets nobody in whose signal was aborted before', async () => {
  const places = new Places(1);
  await expect(places.enter(AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
  await places.enter(patient);
});
