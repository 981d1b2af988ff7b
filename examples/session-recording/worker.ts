import type { TaskQueue, Worker } from 'keylane';
import { type FailurePlan, PlannedFailureError } from './failures.ts';
import type { HandlingLog } from './handling-log.ts';
import type { RecordingStore } from './storage.ts';
import type { RecordingTasks } from './tasks.ts';

export interface WorkerParts {
  readonly store: RecordingStore;
  readonly log: HandlingLog;
  readonly failures: FailurePlan;
  /** The worker's name in the handling log. */
  readonly name: string;
}

/** A worker that appends each recording's events to its file. Its handlers are safe to run again. */
export function recordingWorker(queue: TaskQueue<RecordingTasks>, parts: WorkerParts): Worker {
  const { store, log, failures, name } = parts;
  return queue.worker(
    {
      'recording.chunk': async (chunk, { id, idempotencyKey, fencingToken, attempt }) => {
        const { sessionId, sequence } = chunk;
        await log.note({ id, sessionId, sequence, worker: name, attempt }, async () => {
          const failure = failures.next(id);
          if (failure === 'before-storing')
            throw new PlannedFailureError(`${id}: planned failure before storing`);
          const outcome = await store.appendChunk(chunk, { id: idempotencyKey, fencingToken });
          if (failure === 'after-storing')
            throw new PlannedFailureError(`${id}: planned failure after storing`);
          return outcome;
        });
      },

      'recording.finished': async (end, { id, idempotencyKey, fencingToken, attempt }) => {
        const { sessionId } = end;
        await log.note({ id, sessionId, sequence: undefined, worker: name, attempt }, () =>
          store.finish(end, { id: idempotencyKey, fencingToken }),
        );
      },
    },
    { retry: { minDelayMs: 100, maxDelayMs: 5_000 } },
  );
}
