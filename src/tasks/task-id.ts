import { createHash, randomUUID } from 'node:crypto';

/**
 * A new task id: a UUID version 7 (RFC 9562), so that ids sort by the time they were made, to the millisecond.
 * `random` gives a version 4 UUID, whose random part is kept.
 */
export function newTaskId(nowMs: number, random: () => string = randomUUID): string {
  const time = nowMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8, 12)}-7${random().slice(15)}`;
}

/**
 * The id of a task that a handler enqueues: a UUID version 8 made of its parent's id and which enqueue call of that
 * handler it is, so that a handler that runs again enqueues the same tasks under the same ids.
 */
export function deriveTaskId(parentId: string, callIndex: number): string {
  const hex = createHash('sha256').update(`keylane follow-up ${callIndex} of ${parentId}`).digest('hex');
  const variant = '89ab'[Number.parseInt(hex.slice(16, 17), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
