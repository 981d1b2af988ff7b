import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue } from 'keylane';
import { z } from 'zod';

const schema = z.object({ key: z.string(), round: z.number(), sentAtMs: z.number(), text: z.string() });
const key = (payload: { key: string }): string => payload.key;

const tasks = {
  small: defineTask({ schema, key }),
  large: defineTask({ schema, key, body: 'stream' }),
};

/** The queue of the bench, in the process that enqueues and in the one that works. */
export function mixedQueue(
  brokers: readonly string[],
  name: string,
): { readonly kafka: Kafka; readonly queue: TaskQueue<typeof tasks> } {
  const kafka = connectKafka({ brokers });
  const queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 12 }, logger: silentLogger });
  return { kafka, queue };
}

/** What the process that works says of a round. */
export interface RoundReport {
  readonly round: number;
  readonly smallCount: number;
  readonly largeCount: number;
  /** From the call of `enqueue` to the end of the handler, of the small ones, ms. */
  readonly latenciesMs: readonly number[];
  /** Longest delay of its event loop, ms. */
  readonly loopDelayMs: number;
}

/** By the clock that both processes have. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}
