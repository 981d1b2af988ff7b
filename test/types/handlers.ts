import { queue } from './queue.ts';

const nothing = async (): Promise<void> => {};

queue.worker({
  'recording.events': async (payload, ctx) => {
    ctx.signal.throwIfAborted();
    payload.startedAt.toISOString();
  },
  'mail.send': async (payload) => {
    payload.attempts.toFixed();
  },
});

// @ts-expect-error says Property '"recording.events"' is missing
queue.worker({ 'mail.send': nothing });

queue.worker({
  // @ts-expect-error says 'recording.event' is not a task type of this queue; did you mean 'recording.events'?
  'recording.event': nothing,
  'mail.send': nothing,
});

queue.worker({
  'recording.events': nothing,
  'mail.send': nothing,
  // @ts-expect-error says 'invoice.pay' is not a task type of this queue
  'invoice.pay': nothing,
});

const keptElsewhere = { 'recording.events': nothing, 'mail.send': nothing, 'mail.sned': nothing };
// @ts-expect-error says 'mail.sned' is not a task type of this queue; did you mean 'mail.send'?
queue.worker(keptElsewhere);

queue.worker({
  'recording.events': nothing,
  // @ts-expect-error says Type 'number' is not assignable to type 'string'
  'mail.send': async (payload: { attempts: string }) => void payload,
});

queue.worker({
  'recording.events': nothing,
  // @ts-expect-error says BatchHandler<{ to: string; attempts: number; }, TaskContext> | Handler<{ to: string; attempts: number; }
  'mail.send': 'not a function',
});
