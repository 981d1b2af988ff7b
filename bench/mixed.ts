import { randomBytes } from 'node:crypto';
import { type BodySource, connectKafka, defineTask, silentLogger, TaskQueue } from 'keylane';
import { z } from 'zod';
import type { BenchCluster } from './support/bench-cluster.ts';
import { median } from './support/compare.ts';
import { versions } from './support/versions.ts';

const LARGE_BYTES = Number(process.env['BENCH_MEGABYTES'] ?? 100) * 1e6;
const SMALL_BYTES = 10_000;
/** One in so many tasks is large. */
const ONE_IN = 200;
const GOAL = 2;
const CHUNK_BYTES = 64 * 1024;
const ROUND_SECONDS = Number(process.env['BENCH_SECONDS'] ?? 15);
const PAIRS = Number(process.env['BENCH_PAIRS'] ?? 5);
const KEY_COUNT = 1_000;

const schema = z.object({ key: z.string(), sentAt: z.number(), text: z.string() });
const tasks = {
  small: defineTask({ schema, key: ({ key }) => key }),
  large: defineTask({ schema, key: ({ key }) => key, body: 'stream' }),
};

/**
 * How long small tasks take from the call of `enqueue` to the end of their handler, with large tasks among them and
 * without. Both rounds of a pair offer the same bytes a second, a share of what producer and worker together move here: with large
 * tasks nearly all bytes are theirs (one of 100 MB to 199 of 10 KB is 98 %), without them there are small ones instead. Beside
 * that a third round has the same small tasks as the first one, and nothing else: what large ones cost whoever adds them.
 */
export async function run(cluster: BenchCluster): Promise<void> {
  console.log(
    `small tasks of ${SMALL_BYTES / 1e3} KB, 1 in ${ONE_IN} of ${LARGE_BYTES / 1e6} MB: enqueue to finish of the small ones`,
  );
  console.log(versions());
  await using world = await openWorld(cluster.address.brokers);
  const content = randomBytes(Math.min(LARGE_BYTES, 16e6));
  await world.round({ bytesPerSecond: 20e6, seconds: 3, large: undefined }); // connects, compiles, elects
  const saturated = await world.saturate(content);
  console.log(`saturation with large ones: ${(saturated / 1e6).toFixed(0)} MB/s`);
  for (const share of [0.5, 0.8]) {
    const bytesPerSecond = saturated * share;
    const ratios: number[] = [];
    const withLarge: number[] = [];
    const without: number[] = [];
    for (let pair = 0; pair <= PAIRS; pair += 1) {
      const mixed = (): Promise<number> =>
        world.round({ bytesPerSecond, seconds: ROUND_SECONDS, large: content });
      const alone = (): Promise<number> =>
        world.round({ bytesPerSecond, seconds: ROUND_SECONDS, large: undefined });
      const first = pair % 2 === 0 ? await mixed() : await alone();
      const second = pair % 2 === 0 ? await alone() : await mixed();
      if (pair === 0) continue;
      const [a, b] = pair % 2 === 0 ? [first, second] : [second, first];
      withLarge.push(a);
      without.push(b);
      ratios.push(a / b);
    }
    const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
    console.log(`  at ${share * 100} %: p99 ${median(withLarge).toFixed(0)} ms with large ones, ${median(without).toFixed(0)} ms without`);
    console.log(`  ratio ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, ${ratios.length} pairs; goal <= ${GOAL})`);
  }
}
