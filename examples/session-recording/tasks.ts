import { defineTask } from 'keylane';
import { z } from 'zod';

/** One event as rrweb emits it. What is inside is rrweb's business: it is stored and replayed unchanged. */
export interface RecordedEvent {
  readonly type: number;
  readonly timestamp: number;
  readonly data?: unknown;
}

function isRecordedEvent(value: unknown): value is RecordedEvent {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'type' in value &&
    typeof value.type === 'number' &&
    'timestamp' in value &&
    typeof value.timestamp === 'number'
  );
}

/** A recording's name. It becomes a file name, hence the narrow alphabet. */
export const sessionIdSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9_-]{0,79}$/,
    'must be 1 to 80 letters, digits, - or _, the first a letter or digit',
  );

/** Counts the chunks of a recording from 0. */
export const sequenceSchema = z.int().nonnegative();

/** Events pass through as the very objects that came in, so that what is stored is byte for byte what was sent. */
export const eventsSchema = z
  .array(z.custom<RecordedEvent>(isRecordedEvent, 'must be an rrweb event'))
  .min(1);

/** The queue's task map: imported by the server that enqueues and by the worker that handles. */
export const tasks = {
  /** Events to be appended to a recording. */
  'recording.chunk': defineTask({
    schema: z.object({ sessionId: sessionIdSchema, sequence: sequenceSchema, events: eventsSchema }),
    key: (chunk) => chunk.sessionId,
    timeoutMs: 30_000,
  }),
  /** The page was left. Has the key of the chunks, so that it is handled when all of them are stored. */
  'recording.finished': defineTask({
    schema: z.object({ sessionId: sessionIdSchema, chunks: z.int().positive() }),
    key: (end) => end.sessionId,
    timeoutMs: 30_000,
  }),
};

export type RecordingTasks = typeof tasks;

/** The same chunk sent twice gets the same id, so that storage can tell. */
export function chunkId(sessionId: string, sequence: number): string {
  return `${sessionId}-${sequence}`;
}

export function finishedId(sessionId: string): string {
  return `${sessionId}-finished`;
}
