import { mkdir, writeFile } from 'node:fs/promises';
import { type Browser, chromium, type Page } from 'playwright-core';
import { type Capture, capturesDir } from './captures.ts';
import { chromiumPath } from './chromium-path.ts';
import { type Upload, uploadSchema } from './ingest.ts';
import { startServer } from './server.ts';
import { RecordingStore } from './storage.ts';
import { type Visit, visits } from './visits.ts';

/**
 * Records the visits of visits.ts with a real browser and writes what the page posted to captures/. Run it after a
 * change to the page: `npx tsx --conditions keylane-source examples/session-recording/capture.ts`.
 */
async function captureAll(): Promise<void> {
  const server = await startServer({
    // Uploads are taken in the browser; only what a page sends while it is closed comes here, and is no part of a capture.
    queue: {
      enqueue: () => Promise.resolve({ id: '', topic: '', partition: 0, offset: 0n, timestamp: new Date() }),
    },
    store: new RecordingStore(capturesDir),
    port: 0,
  });
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: ['--no-sandbox'] });
  try {
    await mkdir(capturesDir, { recursive: true });
    for (const visit of visits) {
      const capture = await captureVisit(browser, server.url, visit);
      const text = JSON.stringify(capture);
      await writeFile(`${capturesDir}${visit.name}.json`, `${text}\n`);
      const events = capture.chunks.reduce((sum, chunk) => sum + chunk.events.length, 0);
      console.log(
        `${visit.name.padEnd(16)} ${capture.chunks.length} chunks  ${events} events  ${Math.ceil(text.length / 1024)} KiB`,
      );
    }
  } finally {
    await browser.close();
    await server.close();
  }
}

async function captureVisit(browser: Browser, url: string, visit: Visit): Promise<Capture> {
  const page = await browser.newPage({ viewport: visit.window });
  const chunks: Upload['chunks'] = [];
  await page.route('**/ingest', async (route) => {
    chunks.push(...uploadSchema.parse(route.request().postDataJSON()).chunks);
    await route.fulfill({ status: 202, json: { accepted: true } });
  });
  await page.goto(url);
  await visit.run(page);
  await allSent(page);
  await page.close();
  return { name: visit.name, description: visit.description, chunks };
}

/** A chunk is sent at most this long after its last event; then the page says when it was accepted. */
async function allSent(page: Page): Promise<void> {
  await page.waitForTimeout(1000);
  await page.locator('#indicator[data-state="saved"]').waitFor();
}

await captureAll();
