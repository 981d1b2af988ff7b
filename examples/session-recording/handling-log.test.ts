import { expect, test } from 'vitest';
import { HandlingLog } from './handling-log.ts';

const run = (id: string, sessionId = 'visit') => ({
  id,
  sessionId,
  sequence: 0,
  worker: 'worker-1',
  attempt: 1,
});

test('runs of one recording that overlap are both marked', async () => {
  const log = new HandlingLog(['visit']);
  let endFirst: (outcome: 'stored') => void = () => {};
  const first = log.note(run('a'), () => new Promise((resolve) => (endFirst = resolve)));
  await log.note(run('b'), async () => 'stored');
  endFirst('stored');
  await first;
  await log.note(run('c'), async () => 'stored');
  expect(log.entries.map(({ id, overlapped }) => [id, overlapped])).toEqual([
    ['b', true],
    ['a', true],
    ['c', false],
  ]);
});

test('a run that throws is noted as failed and still throws', async () => {
  const log = new HandlingLog(['visit']);
  await expect(log.note(run('a'), () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(log.entries).toMatchObject([{ id: 'a', outcome: 'failed' }]);
  expect(log.finished.size).toBe(0);
});

test('recordings nobody watches leave nothing behind', async () => {
  const log = new HandlingLog(['visit']);
  await log.note(run('a', 'another'), async () => 'stored');
  expect(log.entries).toEqual([]);
});

test('waiting ends with the last awaited task', async () => {
  const log = new HandlingLog(['visit']);
  const waiting = log.waitFor(['a', 'b'], 10_000);
  await log.note(run('a'), async () => 'stored');
  await log.note(run('b'), async () => 'already-stored');
  expect(await waiting).toBe('finished');
});
