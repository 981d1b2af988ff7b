import { z } from 'zod';
import { option, parseOptions } from '../options/parse-options.ts';

/** Options of `TaskQueue.close`. */
export interface CloseOptions {
  /**
   * Milliseconds from when the workers have stopped in which bodies must get to where they go: what Kafka or the payload store
   * has not taken by then is given up (`QUEUE_CLOSED`). Sources that have not ended have 10 s of it at most. 0 to 86,400,000 (a
   * day), default: the producer's `deliveryTimeoutMs` (120,000), which is the time of small tasks. Less ends a process sooner when Kafka hangs,
   * more lets a large body through that takes its time.
   */
  readonly timeoutMs?: number;
}

const closeOptionsSchema = z.strictObject({
  timeoutMs: option(
    z.int().min(0).max(86_400_000).optional(),
    'must be a whole number of milliseconds from 0 to 86400000 (a day)',
    'Leave it out for the time that small tasks have.',
  ),
});

/** @throws OptionsError */
export function resolveCloseOptions(
  given: CloseOptions | undefined,
  defaultMs: number,
): { timeoutMs: number } {
  const { timeoutMs = defaultMs } = parseOptions('close()', closeOptionsSchema, given ?? {});
  return { timeoutMs };
}
