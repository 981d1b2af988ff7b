import { createHash } from 'node:crypto';
import type { PayloadPrint } from '../checker/events.ts';
import { SeededRandom } from '../checker/seeded-random.ts';

/** The payload of the tasks that fault runs enqueue. */
export interface WorkPayload {
  readonly key: string;
  readonly call: number;
  readonly text: string;
}

export interface PayloadPlan {
  readonly seed: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 {}[]:,';

/** Makes payloads whose sizes and contents follow from the seed. Small ones are as frequent as large ones. */
export class PayloadMaker {
  readonly #plan: PayloadPlan;
  readonly #pool: string;

  constructor(plan: PayloadPlan) {
    this.#plan = plan;
    const random = new SeededRandom(plan.seed);
    let pool = '';
    while (pool.length < 2 * plan.maxBytes) pool += ALPHABET[random.below(ALPHABET.length)];
    this.#pool = pool;
  }

  make(key: string, call: number): WorkPayload {
    const { seed, minBytes, maxBytes } = this.#plan;
    const random = new SeededRandom(seed * 1_000_003 + call);
    const bytes = Math.round(minBytes * (maxBytes / minBytes) ** random.next());
    const from = random.below(this.#pool.length - bytes);
    return { key, call, text: this.#pool.slice(from, from + bytes) };
  }
}

/** What identifies a payload's content, the same where it is sent and where it is handled. */
export function printOf(payload: WorkPayload): PayloadPrint {
  const hash = createHash('sha1').update(`${payload.key}\n${payload.call}\n${payload.text}`).digest('base64');
  return { hash, bytes: payload.text.length };
}
