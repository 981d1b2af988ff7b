import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RecordingStore, StaleWriterError } from './storage.ts';

const chunk = (sequence: number) => ({
  sessionId: 'visit-1',
  sequence,
  events: [{ type: 3, timestamp: 1_000 + sequence }],
});
const writer = (sequence: number, fencingToken = 7n) => ({ id: `visit-1-${sequence}`, fencingToken });

describe('the recording store', () => {
  let dir: string;
  let store: RecordingStore;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'keylane-store-test-'));
    store = new RecordingStore(dir);
    await store.open();
  });
  afterEach(() => rm(dir, { recursive: true }));

  const storedSequences = async () =>
    (await store.readLines('visit-1')).flatMap((line) => (line.kind === 'chunk' ? [line.sequence] : []));

  test('appends chunks in the order they are handed over', async () => {
    for (const sequence of [0, 1, 2])
      expect(await store.appendChunk(chunk(sequence), writer(sequence))).toBe('stored');
    expect(await storedSequences()).toEqual([0, 1, 2]);
  });

  test('does not store a task a second time', async () => {
    await store.appendChunk(chunk(0), writer(0));
    await store.appendChunk(chunk(1), writer(1));
    expect(await store.appendChunk(chunk(0), writer(0))).toBe('already-stored');
    expect(await storedSequences()).toEqual([0, 1]);
  });

  test('knows what an earlier process stored', async () => {
    await store.appendChunk(chunk(0), writer(0));
    const later = new RecordingStore(dir);
    expect(await later.appendChunk(chunk(0), writer(0, 8n))).toBe('already-stored');
  });

  test('knows what another process has stored in the meantime', async () => {
    const other = new RecordingStore(dir);
    await store.appendChunk(chunk(0), writer(0));
    await other.appendChunk(chunk(1), writer(1));
    expect(await store.appendChunk(chunk(1), writer(1))).toBe('already-stored');
    expect(await storedSequences()).toEqual([0, 1]);
  });

  test('refuses a writer whose partition was taken by another since', async () => {
    await store.appendChunk(chunk(0), writer(0, 7n));
    await store.appendChunk(chunk(1), writer(1, 8n));
    await expect(store.appendChunk(chunk(2), writer(2, 7n))).rejects.toThrow(StaleWriterError);
    expect(await storedSequences()).toEqual([0, 1]);
  });

  test('drops the half line that a crash left, and stores the chunk anew', async () => {
    await store.appendChunk(chunk(0), writer(0));
    await appendFile(store.pathOf('visit-1'), '{"kind":"chunk","id":"visit-1-1","fenc');
    const later = new RecordingStore(dir);
    expect(await later.list()).toMatchObject([{ chunks: 1 }]);
    expect(await later.appendChunk(chunk(1), writer(1, 8n))).toBe('stored');
    expect(await storedSequences()).toEqual([0, 1]);
    expect(await readFile(store.pathOf('visit-1'), 'utf8')).toMatch(/\n$/);
  });

  test('lists a recording as complete when its end has come and counts as many chunks as are stored', async () => {
    await store.appendChunk(chunk(0), writer(0));
    await store.appendChunk(chunk(1), writer(1));
    expect(await store.list()).toMatchObject([
      { sessionId: 'visit-1', chunks: 2, events: 2, complete: false },
    ]);
    await store.finish({ sessionId: 'visit-1', chunks: 2 }, { id: 'visit-1-finished', fencingToken: 7n });
    expect(await store.list()).toEqual([
      { sessionId: 'visit-1', chunks: 2, events: 2, startedAt: 1_000, endedAt: 1_001, complete: true },
    ]);
  });

  test('does not list a recording as complete when chunks are missing', async () => {
    await store.appendChunk(chunk(0), writer(0));
    await store.finish({ sessionId: 'visit-1', chunks: 2 }, { id: 'visit-1-finished', fencingToken: 7n });
    expect(await store.list()).toMatchObject([{ complete: false }]);
  });
});
