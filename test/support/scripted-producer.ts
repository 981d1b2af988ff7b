import { ManualClock } from '../../src/clock/manual-clock.ts';
import type { ProducerItem } from '../../src/producer/core/item.ts';
import { Producer, type ProducerDeps } from '../../src/producer/producer.ts';
import { producerOptionsSchema } from '../../src/producer/producer-options.ts';
import { ScriptedAppender } from './scripted-appender.ts';

/** A producer on a scripted appender and a clock that stands still. */
export function setUp(more: Partial<ProducerDeps> & { readonly bufferBytes?: number } = {}) {
  const clock = new ManualClock();
  const appender = new ScriptedAppender();
  const defaults = producerOptionsSchema.parse({});
  const options = { ...defaults, bufferBytes: more.bufferBytes ?? defaults.bufferBytes };
  const producer = new Producer({ appender: () => Promise.resolve(appender), clock, options, ...more });
  /** Lets everything that is ready happen. */
  const settle = (): Promise<void> => clock.advance(0);
  return { clock, appender, producer, settle };
}

let nextId = 0;

/** A task whose value is its id. */
export function task(more: Partial<ProducerItem> & { readonly bytes?: number } = {}): ProducerItem {
  nextId += 1;
  const { bytes = 100, ...given } = more;
  const id = given.id ?? `task-${nextId}`;
  return {
    topic: 'q',
    partition: 0,
    laneKey: 'k',
    type: 'recording',
    sizeBytes: bytes,
    encode: () => ({ record: { key: Buffer.from('k'), value: Buffer.from(id), headers: [] }, bytes }),
    ...given,
    id,
  };
}

/** The error a promise is rejected with. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'it did not fail',
    (error: unknown) => error,
  );

/** Makes partition 0 warm. */
export async function warm({ producer, appender, settle }: ReturnType<typeof setUp>): Promise<void> {
  const done = producer.add(task({ id: 'first' }));
  await settle();
  appender.calls[0]?.ack();
  await done;
}
