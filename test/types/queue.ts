import { z } from 'zod';
import { connectKafka } from '../../src/queue/connect-kafka.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';

export const queue = new TaskQueue({
  name: 'types',
  kafka: connectKafka({ embedded: true }),
  tasks: {
    'recording.events': defineTask({
      schema: z.object({ sessionId: z.string(), startedAt: z.coerce.date(), events: z.array(z.unknown()) }),
      key: (payload) => payload.sessionId,
      timeoutMs: 60_000,
      version: 2,
      upcast: { 1: (old) => ({ ...old, events: old.batch }) },
      aliases: ['recording.chunk'],
    }),
    'mail.send': defineTask({
      schema: z.object({ to: z.string(), attempts: z.string().transform(Number) }),
      unordered: true,
    }),
  },
});
