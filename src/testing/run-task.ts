import type { ParkReason } from '../journal/journal.ts';
import type { Receipt } from '../queue/enqueue-types.ts';
import type { Worker } from '../worker/worker.ts';
import type { WorkerEvents } from '../worker/worker-events.ts';

/** How one try of a task ended. */
export type TaskEnd =
  | { readonly kind: 'finished'; readonly receipt: Receipt }
  /** The handler failed; the worker would try again `retryInMs` later. */
  | {
      readonly kind: 'failed';
      readonly receipt: Receipt;
      readonly error: unknown;
      readonly retryInMs: number;
    }
  /** The handler threw a `DiscardError`. */
  | { readonly kind: 'discarded'; readonly receipt: Receipt; readonly reason: string }
  /** It gave up (a `ParkError`, or its tries are used up) and is parked. */
  | {
      readonly kind: 'parked';
      readonly receipt: Receipt;
      readonly reason: ParkReason;
      readonly error: unknown;
    }
  /** It stays in the queue and holds its key. */
  | {
      readonly kind: 'held';
      readonly receipt: Receipt;
      readonly reason: WorkerEvents['key-held']['reason'];
      readonly error: unknown;
    };

type End<E extends TaskEnd = TaskEnd> = E extends TaskEnd ? Omit<E, 'receipt'> : never;

/**
 * Enqueues a task and waits until a started worker of its queue has tried it once.
 *
 * @example
 * const end = await runTask(worker, () => queue.enqueue('order.paid', { orderId: '7' }));
 *
 * @throws what `enqueue` throws.
 */
export async function runTask(worker: Worker, enqueue: () => Promise<Receipt>): Promise<TaskEnd> {
  // The worker may be done before the receipt is here, so it is listened to from the start.
  const ends = new Map<string, End>();
  let onEnd: (id: string) => void = () => {};
  const note = (id: string, end: End): void => {
    if (!ends.has(id)) ends.set(id, end);
    onEnd(id);
  };
  const subscriptions = [
    worker.on('task-finished', ({ id }) => note(id, { kind: 'finished' })),
    worker.on('task-failed', ({ id, error, retryInMs }) => note(id, { kind: 'failed', error, retryInMs })),
    worker.on('task-discarded', ({ id, reason }) => note(id, { kind: 'discarded', reason })),
    worker.on('key-parked', ({ id = '', reason, error }) => note(id, { kind: 'parked', reason, error })),
    worker.on('key-held', ({ id = '', reason, error }) => note(id, { kind: 'held', reason, error })),
  ];
  try {
    const receipt = await enqueue();
    const end =
      ends.get(receipt.id) ??
      (await new Promise<End>((resolve) => {
        onEnd = (id) => {
          const found = id === receipt.id ? ends.get(id) : undefined;
          if (found !== undefined) resolve(found);
        };
      }));
    return { ...end, receipt };
  } finally {
    for (const unsubscribe of subscriptions) unsubscribe();
  }
}
