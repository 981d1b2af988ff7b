import { type FedRecording, feed } from './feed.ts';
import type { HandlingLog } from './handling-log.ts';
import { judge, type Verdict } from './proof.ts';
import type { RecordingServer } from './server.ts';
import type { RecordingStore } from './storage.ts';
import { chunkId, finishedId } from './tasks.ts';
import type { WorkerRota } from './worker-rota.ts';

/** How long nothing may happen before the run is called stuck: longer than a retry's or a rebalance's pause. */
const PATIENCE_MS = 90_000;

export interface ProofRun {
  readonly verdicts: readonly Verdict[];
  /** Nothing moved any more although tasks were left. */
  readonly stalled: boolean;
  /** How many runs each worker had. */
  readonly shares: ReadonlyMap<string, number>;
}

/**
 * Feeds all recordings at once through the server, has the worker replaced when half is accepted, waits until all is
 * handled, and judges what lies in storage.
 */
export async function prove(parts: {
  readonly recordings: readonly FedRecording[];
  readonly server: RecordingServer;
  readonly workers: WorkerRota;
  readonly store: RecordingStore;
  readonly log: HandlingLog;
}): Promise<ProofRun> {
  const { recordings, server, workers, store, log } = parts;
  const ids = recordings.flatMap(({ capture, sessionId }) => [
    ...capture.chunks.map(({ sequence }) => chunkId(sessionId, sequence)),
    finishedId(sessionId),
  ]);
  let acceptedCount = 0;
  let halfAccepted: () => void = () => {};
  const replaced = new Promise<void>((resolve) => {
    halfAccepted = resolve;
  }).then(() => workers.replace());
  const accepted = () => {
    acceptedCount += 1;
    if (acceptedCount * 2 >= ids.length) halfAccepted();
  };
  await Promise.all([replaced, ...recordings.map((recording) => feed(server.url, recording, accepted))]);
  const drained = await log.waitFor(ids, PATIENCE_MS);
  const verdicts: Verdict[] = [];
  for (const { capture, sessionId } of recordings) {
    const handled = log.entries.filter((entry) => entry.sessionId === sessionId);
    verdicts.push(judge(capture, await store.readLines(sessionId), handled));
  }
  return { verdicts, stalled: drained === 'stalled', shares: sharesOf(log) };
}

function sharesOf(log: HandlingLog): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  for (const { worker } of log.entries) shares.set(worker, (shares.get(worker) ?? 0) + 1);
  return shares;
}
