import type { TaskQueue } from 'keylane';
import { z } from 'zod';
import {
  chunkId,
  eventsSchema,
  finishedId,
  type RecordingTasks,
  sequenceSchema,
  sessionIdSchema,
} from './tasks.ts';

/** What the server needs of the queue. */
export type RecordingQueue = Pick<TaskQueue<RecordingTasks>, 'enqueue'>;

/**
 * What a page posts: its oldest chunks that were not accepted yet, in order. A page has one request under way at a time;
 * the one it sends when it is left carries again whatever is still unanswered, so that order never hangs on which of two
 * requests arrives first. Repeated chunks are told by their id.
 */
export const uploadSchema = z.object({
  sessionId: sessionIdSchema,
  chunks: z.array(z.object({ sequence: sequenceSchema, events: eventsSchema })).max(500),
  /** How many chunks the recording has, once the page is left. */
  finishedAfter: z.int().positive().optional(),
});

export type Upload = z.output<typeof uploadSchema>;

/**
 * How long a request waits for Kafka before the page is told to come again. Shorter than the default (two minutes): while
 * it waits, the page sends nothing else. A chunk that was already handed to Kafka keeps its place in line all the same.
 */
const ENQUEUE_TIMEOUT_MS = 15_000;

/**
 * Resolves once everything in the upload is durable. The calls are made one after the other without waiting in between:
 * the order of the calls is the order of the log. No signal is passed on: a browser that hangs up still wants its last
 * chunk stored.
 */
export async function enqueueUpload(queue: RecordingQueue, upload: Upload): Promise<void> {
  const { sessionId, chunks, finishedAfter } = upload;
  const accepted: Promise<unknown>[] = chunks.map(({ sequence, events }) =>
    queue.enqueue(
      'recording.chunk',
      { sessionId, sequence, events },
      { id: chunkId(sessionId, sequence), timeoutMs: ENQUEUE_TIMEOUT_MS },
    ),
  );
  if (finishedAfter !== undefined) {
    accepted.push(
      queue.enqueue(
        'recording.finished',
        { sessionId, chunks: finishedAfter },
        { id: finishedId(sessionId), timeoutMs: ENQUEUE_TIMEOUT_MS },
      ),
    );
  }
  const results = await Promise.allSettled(accepted);
  const failed = results.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
