import { mkdtemp, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectKafka, type Kafka, TaskQueue } from 'keylane';
import { readCaptures } from './captures.ts';
import { UsageError } from './failure-text.ts';
import { FailurePlan } from './failures.ts';
import type { FedRecording } from './feed.ts';
import { HandlingLog } from './handling-log.ts';
import { spoiledAppend } from './inject.ts';
import { type Leaving, leaving } from './leaving.ts';
import type { Options } from './options.ts';
import { complaints, proofTable, summary } from './proof-table.ts';
import { prove } from './prove.ts';
import { type RecordingServer, startServer } from './server.ts';
import { appendDurably, RecordingStore } from './storage.ts';
import { chunkId, type RecordingTasks, tasks } from './tasks.ts';
import { WorkerRota } from './worker-rota.ts';

/** What a run is made of. */
interface Parts {
  readonly options: Options;
  readonly recordings: readonly FedRecording[];
  readonly store: RecordingStore;
  readonly log: HandlingLog;
  readonly kafka: Kafka;
  readonly queue: TaskQueue<RecordingTasks>;
  readonly workers: WorkerRota;
}

const NOT_PROVED = 1;
/** What a shell expects of a program that Ctrl-C ended before it was done. */
const INTERRUPTED = 130;

/** Everything from the first connection to the last goodbye. Resolves with the exit code. */
export async function run(options: Options): Promise<number> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'keylane-recordings-')));
  let keep = true;
  try {
    const code = await runIn(dir, options);
    keep = code === NOT_PROVED;
    if (keep) console.log(`What was stored is in ${dir}.`);
    return code;
  } finally {
    // After a failure what was stored is evidence; nothing stored is none.
    if (options.dir === undefined) await (keep ? rmdir(dir).catch(() => {}) : rm(dir, { recursive: true }));
  }
}

async function runIn(dir: string, options: Options): Promise<number> {
  const parts = await assemble(dir, options);
  const { queue, workers } = parts;
  const leave = leaving(() => {
    if (!options.once) console.log('\nDraining …');
  });
  let server: RecordingServer | undefined;
  try {
    const where = options.dir === undefined ? `${dir} (temporary, see --dir)` : dir;
    console.log(
      `Kafka: ${options.brokers?.join(', ') ?? 'embedded'}\nQueue: ${queue.name}\nRecordings: ${where}`,
    );
    server = await listen(options, queue, parts.store);
    await workers.start();
    return await proveAndServe(parts, server, leave);
  } finally {
    leave.forget();
    // In the order of the flow: nothing more comes in, what runs ends and is committed, what is sent is answered.
    await server?.close();
    await workers.stop();
    await queue.close();
    await parts.kafka.close();
    if (!options.once) console.log('Drained. Goodbye.');
  }
}

async function assemble(dir: string, options: Options): Promise<Parts> {
  const runId = Date.now().toString(36);
  const captures = await readCaptures();
  const recordings = captures.map((capture) => ({ capture, sessionId: `${capture.name}-${runId}` }));
  const store = new RecordingStore(dir, appendFor(options, recordings));
  await store.open();
  const { brokers } = options;
  const kafka = connectKafka(
    brokers === undefined ? { embedded: true } : { brokers, connectTimeoutMs: 15_000 },
  );
  const queue = new TaskQueue({
    // On a shared cluster every run has its own queue: another run's worker has other files.
    name: brokers === undefined ? 'session-recording' : `session-recording-${runId}`,
    tasks,
    kafka,
    topic: { partitions: brokers === undefined ? 4 : 12 },
  });
  const log = new HandlingLog(recordings.map(({ sessionId }) => sessionId));
  const workers = new WorkerRota(queue, { store, log, failures: planFailures(options.seed, recordings) });
  return { options, recordings, store, log, kafka, queue, workers };
}

async function proveAndServe(parts: Parts, server: RecordingServer, leave: Leaving): Promise<number> {
  const { options, queue, workers } = parts;
  const proved = await Promise.race([proveAll(parts, server), leave.asked, workers.broken]);
  if (proved === 'asked to leave') return INTERRUPTED;
  if (options.brokers !== undefined)
    console.log(`The topics ${queue.name} and ${queue.name}.* stay on the cluster.`);
  if (!proved) return NOT_PROVED;
  if (options.once) return 0;
  console.log(
    `\nThe page:       ${server.url}\nIts recordings: ${server.url}/replay\nCtrl-C drains and ends.`,
  );
  await Promise.race([leave.asked, workers.broken]);
  return 0;
}

async function proveAll(parts: Parts, server: RecordingServer): Promise<boolean> {
  const result = await prove({ ...parts, server });
  const wrong = complaints(result);
  console.log(`\n${proofTable(result.verdicts)}\n\n${summary(result)}\n`);
  if (wrong.length > 0) console.log(`NOT PROVED:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
  else console.log('Every recording is complete, stored once, and in order.');
  return wrong.length === 0;
}

async function listen(
  options: Options,
  queue: TaskQueue<RecordingTasks>,
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
    if (error.code === 'EACCES') {
      throw new UsageError(`Port ${options.port} may not be used. Take one above 1023: --port 8080.`);
    }
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
