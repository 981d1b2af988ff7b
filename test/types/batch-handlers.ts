import { queue } from './queue.ts';

const nothing = async (): Promise<void> => {};

queue.worker({
  'recording.events': nothing,
  'mail.send': {
    batch: { maxSize: 10, maxWaitMs: 5 },
    handle: async (tasks) => {
      for (const { payload, ctx, fail } of tasks) {
        payload.attempts.toFixed();
        ctx.signal.throwIfAborted();
        fail(new Error(payload.to));
      }
    },
  },
});

queue.worker({
  'recording.events': nothing,
  // @ts-expect-error says Property 'maxSize' is missing
  'mail.send': { batch: {}, handle: nothing },
});

const ofOtherPayloads = (tasks: readonly { payload: { attempts: string } }[]): unknown => tasks;
queue.worker({
  'recording.events': nothing,
  // @ts-expect-error says Type 'number' is not assignable to type 'string'
  'mail.send': { batch: { maxSize: 2 }, handle: ofOtherPayloads },
});
