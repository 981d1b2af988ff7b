import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { PayloadPrint } from '../checker/events.ts';
import { SeededRandom } from '../checker/seeded-random.ts';
import { type ContentKind, chunksOf, type LargeContent } from '../support/large-content.ts';

/** The bodies of the tasks that a fault run enqueues: sizes and contents follow from the seed and the call. */
export interface BodyPlan {
  readonly seed: number;
  readonly minBytes: number;
  readonly maxBytes: number;
  /** In turn, call by call. */
  readonly kinds: readonly ContentKind[];
}

export function contentOf({ seed, minBytes, maxBytes, kinds }: BodyPlan, call: number): LargeContent {
  const own = seed * 1_000_003 + call;
  const bytes = minBytes + new SeededRandom(own).below(maxBytes - minBytes + 1);
  return { kind: kinds[call % kinds.length] ?? 'random', bytes, seed: own };
}

export function streamOf(content: LargeContent): Readable {
  return Readable.from(chunksOf(content), { objectMode: false });
}

/** What identifies the content: by reading it, and without keeping other things of the process waiting. */
export async function printOfBody(chunks: AsyncIterable<Uint8Array>): Promise<PayloadPrint> {
  const hash = createHash('sha1');
  let bytes = 0;
  for await (const chunk of chunks) {
    hash.update(chunk);
    bytes += chunk.length;
    await turn();
  }
  return { hash: hash.digest('base64'), bytes };
}
