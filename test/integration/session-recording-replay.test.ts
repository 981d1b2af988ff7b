import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafka, type Kafka, TaskQueue, type Worker } from 'keylane';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumPath } from '../../examples/session-recording/chromium-path.ts';
import { FailurePlan } from '../../examples/session-recording/failures.ts';
import { HandlingLog } from '../../examples/session-recording/handling-log.ts';
import { type RecordingServer, startServer } from '../../examples/session-recording/server.ts';
import { RecordingStore } from '../../examples/session-recording/storage.ts';
import type { StoredLine } from '../../examples/session-recording/stored-lines.ts';
import { type RecordingTasks, tasks } from '../../examples/session-recording/tasks.ts';
import { recordingWorker } from '../../examples/session-recording/worker.ts';
import { describeDom } from './session-recording-dom.ts';

const INCREMENTAL_SNAPSHOT = 3;
const MUTATION = 0;
const SCROLL = 3;
/** rrweb numbers the nodes of a page, the document first. */
const DOCUMENT_ID = 1;

describe('a page recorded through the queue', () => {
  let dir: string;
  let store: RecordingStore;
  let kafka: Kafka;
  let queue: TaskQueue<RecordingTasks>;
  let worker: Worker;
  let server: RecordingServer;
  let browser: Browser;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'keylane-replay-test-'));
    store = new RecordingStore(dir);
    kafka = connectKafka({ embedded: true });
    queue = new TaskQueue({ name: 'session-recording-replay', tasks, kafka, topic: { partitions: 3 } });
    worker = recordingWorker(queue, {
      store,
      log: new HandlingLog([]),
      failures: FailurePlan.none(),
      name: 'worker-1',
    });
    await worker.start();
    server = await startServer({ queue, store, port: 0 });
    browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    await worker?.stop();
    await queue?.close();
    await kafka?.close();
    await rm(dir, { recursive: true, force: true });
  });

  const describePage = (page: Page) => page.evaluate<string>(`(${describeDom})(document)`);

  async function openShop(): Promise<{ readonly page: Page; readonly sessionId: string }> {
    const page = await browser.newPage({ viewport: { width: 1000, height: 640 } });
    await page.goto(server.url);
    const sessionId = await page.locator('#indicator').getAttribute('data-session');
    if (sessionId === null) throw new Error('the page does not record itself');
    return { page, sessionId };
  }

  async function useEverything(page: Page, sessionId: string): Promise<void> {
    await page.getByRole('button', { name: 'Add Cellar rye' }).click();
    await page.getByRole('button', { name: 'Add Croissant' }).click({ clickCount: 3 });
    await page.getByRole('button', { name: 'Remove Cellar rye' }).click();
    await page.locator('#search').pressSequentially('plum');
    await page.getByRole('button', { name: 'Add Plum tart' }).click();
    await page.locator('[name=customer]').pressSequentially('Åse "O\'Neil" <ase@example.org>');
    await page.locator('[name=pin]').pressSequentially('738291');
    await page.locator('[name=time]').selectOption('09:00');
    await page.locator('[value=bike]').check();
    await page.locator('[name=address]').pressSequentially('Slipway 3');
    await page.locator('[name=slice]').check();
    await page.locator('[name=message]').pressSequentially('Two lines,\nthe second one shorter.');
    await page.locator('#note [name=text]').pressSequentially('Found: a mitten.');
    await page.getByRole('button', { name: 'Pin it' }).click();
    await page.getByRole('button', { name: /^Take down: Choir/ }).click();
    await page.mouse.move(300, 300);
    // rrweb looks at scrolling once in 100 ms, and then at one thing that scrolled: each is recorded before the next.
    await documentScrollIsStored(page, sessionId);
    const notesTop = await page.locator('#notes').evaluate((list) => {
      list.scrollTo(0, 30);
      return Math.floor(list.scrollTop);
    });
    await expect.poll(() => lastScrollOf(sessionId, 'notes'), { timeout: 30_000 }).toBe(notesTop);
    await page.evaluate('scrollTo(0, scrollY + 40)'); // the last thing done, see finalState
  }

  /** The page once its recording has arrived in storage, up to the last thing done: the scrolling. */
  async function finalState(page: Page, sessionId: string): Promise<string> {
    await documentScrollIsStored(page, sessionId);
    return describePage(page);
  }

  async function documentScrollIsStored(page: Page, sessionId: string): Promise<void> {
    const scrolledTo = await page.evaluate<number>('Math.floor(scrollY)');
    await expect.poll(() => lastScrollOf(sessionId, 'document'), { timeout: 30_000 }).toBe(scrolledTo);
  }

  /** 0 when it never scrolled. The notes are the only other thing on the page that does. */
  async function lastScrollOf(sessionId: string, what: 'document' | 'notes'): Promise<number> {
    const events = (await store.readLines(sessionId)).flatMap((line) =>
      line.kind === 'chunk' ? line.events : [],
    );
    const scrolls = events
      .filter(({ type }) => type === INCREMENTAL_SNAPSHOT)
      .map(({ data }) => data as { readonly source: number; readonly id: number; readonly y: number }) // rrweb's own shape
      .filter(({ source, id }) => source === SCROLL && (id === DOCUMENT_ID) === (what === 'document'));
    return scrolls.at(-1)?.y ?? 0;
  }

  /** Leaves the page for the player, goes to the end, and describes what the player shows. */
  async function replayedState(page: Page, sessionId: string): Promise<string> {
    await page.goto(`${server.url}/replay#${sessionId}`);
    await page.locator('#stage[data-at]').waitFor();
    await page.locator('#to-end').click();
    await page.locator('#stage[data-at=end]').waitFor();
    return page.evaluate<string>(`(${describeDom})(document.querySelector('#stage iframe').contentDocument)`);
  }

  async function isComplete(sessionId: string): Promise<boolean> {
    return (await store.list()).some((recording) => recording.sessionId === sessionId && recording.complete);
  }

  test('replays to the very DOM the visitor saw; with one event removed from storage it does not', async () => {
    const { page, sessionId } = await openShop();
    await useEverything(page, sessionId);
    const seen = await finalState(page, sessionId);
    expect(seen).toContain('value:Slipway 3');
    expect(seen).toContain('"Found: a mitten."');
    expect(seen).toMatch(/page scrolled: [1-9]/);

    expect(await replayedState(page, sessionId)).toBe(seen);
    expect(await isComplete(sessionId)).toBe(true);
    expect(await readFile(store.pathOf(sessionId), 'utf8')).not.toContain('738291'); // the PIN never left the page

    await removeOneEvent(store.pathOf(sessionId));
    await page.goto('about:blank');
    expect(await replayedState(page, sessionId)).not.toBe(seen);
    await page.close();
  });

  test('survives a server that cannot be reached, answers 503, or whose answer gets lost', async () => {
    const { page, sessionId } = await openShop();
    let requests = 0;
    await page.route('**/ingest', async (route) => {
      requests += 1;
      if (requests === 2) return route.abort('connectionrefused');
      if (requests === 3) return route.fulfill({ status: 503, headers: { 'retry-after': '0' }, json: {} });
      if (requests === 4) {
        await route.fetch(); // it arrives, but the page never hears of it
        return route.abort('connectionreset');
      }
      return route.continue();
    });
    await useEverything(page, sessionId);
    const seen = await finalState(page, sessionId);
    await page.locator('#indicator[data-state=saved]').waitFor();
    await page.unroute('**/ingest');
    expect(requests).toBeGreaterThan(4); // the last of them accepted what the three before did not

    expect(await replayedState(page, sessionId)).toBe(seen);
    expect(await isComplete(sessionId)).toBe(true);
    const lines = await store.readLines(sessionId);
    const sequences = lines.flatMap((line) => (line.kind === 'chunk' ? [line.sequence] : []));
    expect(sequences).toEqual(sequences.map((_, at) => at));
    await page.close();
  });
});

/** Takes the last event that added something to the page out of a recording's file. */
async function removeOneEvent(path: string): Promise<void> {
  const text = await readFile(path, 'utf8');
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as StoredLine); // written by the store
  const events = lines.flatMap((line) => (line.kind === 'chunk' ? line.events : []));
  const removed = events.findLast(
    ({ type, data }) =>
      type === INCREMENTAL_SNAPSHOT && isAddition(data as { source: number; adds?: unknown[] }), // rrweb's own shape
  );
  expect(removed).toBeDefined();
  const left = lines.map((line) =>
    line.kind === 'chunk' ? { ...line, events: line.events.filter((event) => event !== removed) } : line,
  );
  await writeFile(path, left.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

function isAddition(data: { readonly source: number; readonly adds?: readonly unknown[] }): boolean {
  return data.source === MUTATION && (data.adds?.length ?? 0) > 0;
}
