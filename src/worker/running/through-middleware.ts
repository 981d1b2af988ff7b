import type { TaskContext, WorkerMiddleware } from './task-context.ts';

/** A handler is alive until its own promise has settled, also when a middleware did not wait for it. It runs once. */
export async function throughMiddleware(
  middleware: readonly WorkerMiddleware[],
  context: TaskContext,
  handle: () => Promise<void>,
): Promise<void> {
  let handled: Promise<void> | undefined;
  let next = (): Promise<void> => {
    handled ??= handle();
    return handled;
  };
  for (const wrap of [...middleware].reverse()) {
    const inner = next;
    next = () => wrap(context, inner);
  }
  try {
    await next();
  } finally {
    await handled?.catch(() => {}); // its error is the middleware's to pass on
  }
}
