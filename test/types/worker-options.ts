import { queue } from './queue.ts';

const nothing = async (): Promise<void> => {};
const handlers = { 'recording.events': nothing, 'mail.send': nothing };

queue.worker(handlers, {
  afterGiveUp: 'wait',
  retry: { classify: (error, ctx) => (error instanceof RangeError && ctx.attempt > 1 ? 'park' : undefined) },
  types: { 'mail.send': { concurrency: 2, retry: { classify: () => ({ retryLaterMs: 1_000 }) } } },
});

// @ts-expect-error says Object literal may only specify known properties, and ''mail.sned'' does not exist
queue.worker(handlers, { types: { 'mail.sned': { concurrency: 2 } } });

// @ts-expect-error says Type '"drop"' is not assignable to type
queue.worker(handlers, { retry: { classify: () => 'drop' } });
