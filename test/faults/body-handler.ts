import type { TaskBody } from '../../src/tasks/task-body.ts';
import type { TaskContext } from '../../src/worker/running/task-context.ts';
import type { EventLog } from './event-log.ts';
import { printOfBody } from './large-body.ts';
import { isPoisoned } from './poison.ts';
import type { WorkerSettings } from './process-settings.ts';

/** The handler of tasks with bodies: reads all of it, and writes down what it has read. */
export function bodyHandler(settings: WorkerSettings, log: EventLog) {
  return async (
    { key, call }: { readonly key: string; readonly call: number },
    ctx: TaskContext & { readonly body: TaskBody },
  ): Promise<void> => {
    const { partition, offset } = ctx.record;
    const epoch = Number(ctx.fencingToken);
    const place = { id: ctx.id, key, partition, offset: Number(offset), epoch };
    log.write({ event: 'task-started', attempt: ctx.attempt, ...place });
    try {
      const print = await printOfBody(ctx.body);
      if (settings.poisonable === true && isPoisoned(settings.folder, call)) throw new Error('poisoned');
      log.write({ event: 'task-finished', ...place, ...print });
    } catch (error) {
      if (ctx.signal.aborted)
        log.write({ event: 'task-aborted', reason: String(ctx.signal.reason), ...place });
      else log.write({ event: 'task-failed', error: String(error), ...place });
      throw error;
    }
  };
}
