import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
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

/** The first part comes at once, and the rest bit by bit, the last of it after this time. */
export function slowStreamOf(content: LargeContent, ms: number): Readable {
  return Readable.from(slowly(content, ms), { objectMode: false });
}

async function* slowly(content: LargeContent, ms: number): AsyncGenerator<Buffer, void> {
  const atOnce = defaultCodecLimits.maxRecordBytes;
  let given = 0;
  let from = performance.now();
  for await (const chunk of chunksOf(content)) {
    given += chunk.length;
    if (given <= atOnce) from = performance.now();
    else await wait(from + (ms * (given - atOnce)) / (content.bytes - atOnce) - performance.now());
    yield chunk;
  }
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
