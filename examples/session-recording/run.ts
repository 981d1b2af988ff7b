import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafka, TaskQueue } from 'keylane';
import { readCaptures } from './captures.ts';
import { UsageError } from './failure-text.ts';
import { FailurePlan } from './failures.ts';
import type { FedRecording } from './feed.ts';
import { HandlingLog } from './handling-log.ts';
import { spoiledAppend } from './inject.ts';
import type { Options } from './options.ts';
import { complaints, proofTable, summary } from './proof-table.ts';
import { prove } from './prove.ts';
import { type RecordingServer, startServer } from './server.ts';
import { appendDurably, RecordingStore } from './storage.ts';
import { chunkId, tasks } from './tasks.ts';
import { WorkerRota } from './worker-rota.ts';

const PARTITIONS = 6;

/** Everything from the first connection to the last goodbye. Resolves with the exit code. */
export async function run(options: Options): Promise<number> {
  const runId = Date.now().toString(36);
  const recordings = (await readCaptures()).map((capture) => ({
    capture,
    sessionId: `${capture.name}-${runId}`,
  }));
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'keylane-recordings-')));
  const store = new RecordingStore(dir, appendFor(options, recordings));
  await store.open();
  const kafka = connectKafka(
    options.brokers === undefined ? { embedded: true } : { brokers: options.brokers },
  );
  const queue = new TaskQueue({
    // On a shared cluster every run has its own queue: another run's worker has other files.
    name: options.brokers === undefined ? 'session-recording' : `session-recording-${runId}`,
    tasks,
    kafka,
    topic: { partitions: PARTITIONS },
  });
  const log = new HandlingLog(recordings.map(({ sessionId }) => sessionId));
  const workers = new WorkerRota(queue, { store, log, failures: planFailures(options.seed, recordings) });
  const leave = leaving(options);
  let server: RecordingServer | undefined;
  try {
    console.log(
      `Kafka: ${options.brokers?.join(', ') ?? 'embedded'} · queue ${queue.name} · recordings in ${dir}`,
    );
    server = await listen(options, queue, store);
    await workers.start();
    const ended = await Promise.race([
      proveAll({ recordings, server, workers, store, log }),
      leave.asked,
      workers.broken,
    ]);
    if (ended === 'asked to leave') return 130;
    if (!ended || options.once) return ended ? 0 : 1;
    console.log(`\nThe page: ${server.url}\nIts recordings: ${server.url}/replay\nCtrl-C drains and ends.`);
    await Promise.race([leave.asked, workers.broken]);
    return 0;
  } finally {
    leave.forget();
    await server?.close();
    await workers.stop();
    await queue.close();
    await kafka.close();
    if (!options.once) console.log('Drained. Goodbye.');
  }
}

async function proveAll(parts: {
  readonly recordings: readonly FedRecording[];
  readonly server: RecordingServer;
  readonly workers: WorkerRota;
  readonly store: RecordingStore;
  readonly log: HandlingLog;
}): Promise<boolean> {
  const result = await prove(parts);
  const wrong = complaints(result);
  console.log(`\n${proofTable(result.verdicts)}\n\n${summary(result)}`);
  if (wrong.length > 0) console.log(`\nNOT PROVED:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
  else console.log('\nEvery recording is complete, stored once, and in order.');
  return wrong.length === 0;
}

async function listen(
  options: Options,
  queue: TaskQueue<typeof tasks>,
  store: RecordingStore,
): Promise<RecordingServer> {
  try {
    return await startServer({ queue, store, port: options.port });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    if (error.code === 'EADDRINUSE') {
      throw new UsageError(
        `Port ${options.port} of 127.0.0.1 is in use. End the program that has it, or take another one: ` +
          '--port 8080, or --port 0 for any free one.',
      );
    }
    if (error.code === 'EACCES')
      throw new UsageError(`Port ${options.port} may not be used. Take one above 1023: --port 8080.`);
    throw error;
  }
}

function planFailures(seed: number, recordings: readonly FedRecording[]): FailurePlan {
  const chunks = recordings.flatMap(({ capture, sessionId }) =>
    capture.chunks.map(({ sequence }) => ({
      id: chunkId(sessionId, sequence),
      capture: capture.name,
      sequence,
    })),
  );
  return new FailurePlan(seed, chunks);
}

function appendFor(options: Options, recordings: readonly FedRecording[]) {
  const first = recordings[0];
  if (options.inject === undefined || first === undefined) return appendDurably;
  return spoiledAppend(options.inject, { sessionId: first.sessionId, sequence: 4 });
}

/** Ctrl-C and SIGTERM ask once; a second one does not wait for the draining. */
function leaving(options: Options): { readonly asked: Promise<'asked to leave'>; forget(): void } {
  let ask: (answer: 'asked to leave') => void = () => {};
  const asked = new Promise<'asked to leave'>((resolve) => {
    ask = resolve;
  });
  let times = 0;
  const onSignal = () => {
    times += 1;
    if (times > 1) process.exit(130);
    if (!options.once) console.log('\nDraining …');
    ask('asked to leave');
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { asked, forget: () => void process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}
