import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EnqueueError, KeylaneError } from 'keylane';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RecordingQueue } from './ingest.ts';
import { type RecordingServer, startServer } from './server.ts';
import { RecordingStore } from './storage.ts';

const event = { type: 3, timestamp: 1, data: { source: 1 } };
const upload = (...sequences: number[]) => ({
  sessionId: 'visit-1',
  chunks: sequences.map((sequence) => ({ sequence, events: [event] })),
});

describe('the ingest server', () => {
  let dir: string;
  let store: RecordingStore;
  let server: RecordingServer;
  /** Ids in the order of the calls. */
  let enqueued: (string | undefined)[];
  /** What the next calls answer; accepted when there is nothing. */
  let refusals: unknown[];

  beforeEach(async () => {
    enqueued = [];
    refusals = [];
    const queue: RecordingQueue = {
      enqueue: async (_type, _payload, ...[options]) => {
        enqueued.push(options?.id);
        const refusal = refusals.shift();
        if (refusal !== undefined) throw refusal;
        return { id: options?.id ?? '', topic: 'q', partition: 0, offset: 0n, timestamp: new Date() };
      },
    };
    dir = await mkdtemp(join(tmpdir(), 'keylane-server-test-'));
    store = new RecordingStore(dir);
    server = await startServer({ queue, store, port: 0, maxBodyBytes: 10_000 });
  });
  afterEach(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  const post = (
    body: string | ReadableStream,
    headers: Record<string, string> = { 'content-type': 'application/json' },
  ) => fetch(`${server.url}/ingest`, { method: 'POST', headers, body, duplex: 'half' });
  const postJson = (body: unknown) => post(JSON.stringify(body));

  test('accepts an upload once its chunks and its end are durable, in order and under ids of their own', async () => {
    const response = await postJson({ ...upload(4, 5), finishedAfter: 6 });
    expect(response.status).toBe(202);
    expect(enqueued).toEqual(['visit-1-4', 'visit-1-5', 'visit-1-finished']);
  });

  test.each(['absent', 'unknown'] as const)(
    'answers 503 when a task is %s, and says when to come again',
    async (outcome) => {
      const subject = { id: 'visit-1-0', type: 'recording.chunk', topic: 'q', partition: 0 };
      refusals = [new EnqueueError({ code: 'ENQUEUE_TIMEOUT', outcome, reason: 'took too long' }, subject)];
      const response = await postJson(upload(0, 1));
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({ error: 'ENQUEUE_TIMEOUT', outcome });
    },
  );

  test('answers 400 when the queue refuses a payload, for sending it again would not help', async () => {
    refusals = [new KeylaneError('PAYLOAD_INVALID', 'no')];
    expect((await postJson(upload(0))).status).toBe(400);
  });

  test.each<[what: string, body: unknown]>([
    ['a session id that is a path', { ...upload(0), sessionId: '../../etc/passwd' }],
    ['a negative sequence', upload(-1)],
    ['a chunk without events', { sessionId: 'visit-1', chunks: [{ sequence: 0, events: [] }] }],
    ['an event that is none', { sessionId: 'visit-1', chunks: [{ sequence: 0, events: [{ type: 'x' }] }] }],
    ['no object', 7],
  ])('answers 400 to %s and enqueues nothing', async (_what, body) => {
    const response = await postJson(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: 'UPLOAD_INVALID' });
    expect(enqueued).toEqual([]);
  });

  test('answers 400 to what is not JSON, and 415 to what does not say it is', async () => {
    expect((await post('{')).status).toBe(400);
    expect((await post('{}', { 'content-type': 'text/plain' })).status).toBe(415);
  });

  test('answers 413 to a body that is too large, announced or not', async () => {
    expect((await post(' '.repeat(10_001))).status).toBe(413);
    const unannounced = new Blob([' '.repeat(20_000)]).stream();
    expect((await post(unannounced)).status).toBe(413);
    expect((await postJson(upload(0))).status).toBe(202);
  });

  test('lists recordings and hands out their events in stored order', async () => {
    expect(await (await fetch(`${server.url}/recordings`)).json()).toEqual([]);
    for (const sequence of [0, 1]) {
      const events = [{ ...event, timestamp: sequence }];
      const writer = { id: `visit-1-${sequence}`, fencingToken: 1n };
      await store.appendChunk({ sessionId: 'visit-1', sequence, events }, writer);
    }
    expect(await (await fetch(`${server.url}/recordings`)).json()).toMatchObject([
      { sessionId: 'visit-1', chunks: 2 },
    ]);
    expect(await (await fetch(`${server.url}/recordings/visit-1`)).json()).toEqual({
      sessionId: 'visit-1',
      events: [
        { ...event, timestamp: 0 },
        { ...event, timestamp: 1 },
      ],
    });
  });

  test.each([
    '/recordings/nobody',
    '/recordings/..%2f..%2fetc',
    '/page/../main.ts',
    '/nothing',
    '/constructor',
  ])('answers 404 to %s', async (path) => {
    expect((await fetch(`${server.url}${path}`)).status).toBe(404);
  });

  test.each([
    ['/', 'text/html'],
    ['/replay', 'text/html'],
    ['/page/recorder.js', 'text/javascript'],
    ['/rrweb/rrweb.js', 'text/javascript'],
    ['/health', 'application/json'],
  ])('serves %s', async (path, type) => {
    const response = await fetch(`${server.url}${path}`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain(type);
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'");
  });

  test('answers 405 to the wrong method, naming the right one', async () => {
    const response = await fetch(`${server.url}/ingest`);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
  });
});
