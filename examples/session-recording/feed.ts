import type { Capture } from './captures.ts';

/** One captured visit played into the queue under its own name. */
export interface FedRecording {
  readonly capture: Capture;
  readonly sessionId: string;
}

/** How often a chunk is offered before the run is given up. */
const MOST_TRIES = 60;

/**
 * Posts a captured visit chunk by chunk, as its page did: the next one only when the server has accepted the one before,
 * the same one again on 503. `accepted` is called after each.
 */
export async function feed(url: string, recording: FedRecording, accepted: () => void): Promise<void> {
  const { capture, sessionId } = recording;
  for (const chunk of capture.chunks) {
    await post(url, { sessionId, chunks: [chunk] });
    accepted();
  }
  await post(url, { sessionId, chunks: [], finishedAfter: capture.chunks.length });
  accepted();
}

async function post(url: string, upload: unknown): Promise<void> {
  const body = JSON.stringify(upload);
  for (let tried = 1; ; tried += 1) {
    const response = await fetch(`${url}/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const answer = await response.text();
    if (response.status === 202) return;
    if (response.status !== 503 || tried === MOST_TRIES) {
      throw new Error(`The server answered ${response.status} to an upload: ${answer}`);
    }
    await new Promise((resolve) =>
      setTimeout(resolve, 1000 * Number(response.headers.get('retry-after') ?? 1)),
    );
  }
}
