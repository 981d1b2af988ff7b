import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { mixedQueue, nowMs, type RoundReport } from './mixed-tasks.ts';
import type { BenchCluster } from './support/bench-cluster.ts';
import { median } from './support/compare.ts';
import { versions } from './support/versions.ts';

const LARGE_BYTES = Number(process.env['BENCH_MEGABYTES'] ?? 100) * 1e6;
const SMALL_BYTES = 10_000;
/** One task in so many is large. */
const ONE_IN = 200;
const GROUP_BYTES = LARGE_BYTES + (ONE_IN - 1) * SMALL_BYTES;
const GOAL = 2;
const CHUNK_BYTES = 64 * 1024;
const ROUND_MS = Number(process.env['BENCH_SECONDS'] ?? 15) * 1_000;
const PAIRS = Number(process.env['BENCH_PAIRS'] ?? 5);
const SATURATING = 4;

/** What a second brings. */
interface Load {
  readonly smallPerSecond: number;
  readonly largePerSecond: number;
}

/**
 * How long small tasks take from the call of `enqueue` to the end of their handler, when large ones are among them. The load is
 * a share of what one producing and one working process move here, in bytes, of which nearly all are the large ones'. It is compared
 * with two others: small tasks only, at the same share of what the same processes move of those (as busy, without large
 * ones), and the same small tasks alone (what it costs to add large ones to a queue that has next to nothing to do).
 */
export async function run(cluster: BenchCluster): Promise<void> {
  console.log(`1 task in ${ONE_IN} of ${LARGE_BYTES / 1e6} MB among those of ${SMALL_BYTES / 1e3} KB`);
  console.log(versions());
  await using world = await World.open(cluster.address.brokers);
  await world.round({ smallPerSecond: 500, largePerSecond: 1e8 / LARGE_BYTES / 10 }, 3_000); // connects and compiles
  const saturation = await world.saturate(1);
  const ofSmall = await world.saturate(0);
  console.log(
    `saturation: ${(saturation / 1e6).toFixed(0)} MB/s, of small tasks only ${(ofSmall / 1e6).toFixed(0)}`,
  );
  for (const share of [0.5, 0.8]) {
    const bytesPerSecond = saturation * share;
    const largePerSecond = bytesPerSecond / GROUP_BYTES;
    const mixed: Load = { smallPerSecond: largePerSecond * (ONE_IN - 1), largePerSecond };
    const asBusy: Load = { smallPerSecond: (ofSmall * share) / SMALL_BYTES, largePerSecond: 0 };
    const alone: Load = { ...mixed, largePerSecond: 0 };
    console.log(
      `at ${share * 100} %: ${mixed.smallPerSecond.toFixed(0)} small and ${largePerSecond.toFixed(2)} large tasks a second`,
    );
    await world.compare(mixed, { 'as busy, small ones only': asBusy, 'small ones alone': alone });
  }
}

class World implements AsyncDisposable {
  readonly #worker: ChildProcess;
  readonly #made: ReturnType<typeof mixedQueue>;
  readonly #content = randomBytes(4e6);
  readonly #text = randomBytes(SMALL_BYTES).toString('base64').slice(0, SMALL_BYTES);
  #round = 0;
  /** How long each small task of the round took to be acknowledged. */
  #ackMs: number[] = [];

  private constructor(worker: ChildProcess, made: ReturnType<typeof mixedQueue>) {
    this.#worker = worker;
    this.#made = made;
  }

  static async open(brokers: readonly string[]): Promise<World> {
    const name = `bench-mixed-${Date.now()}`;
    const worker = fork(new URL('./mixed-worker.ts', import.meta.url), [name, ...brokers]);
    await once(worker, 'message');
    return new World(worker, mixedQueue(brokers, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#worker, 'exit');
    this.#worker.send('stop');
    await this.#made.queue.close();
    await this.#made.kafka.close();
    await ended;
  }

  /** Bytes a second that are enqueued and finished while there is always more, with so many large ones in each group. */
  async saturate(large: 0 | 1): Promise<number> {
    this.#round += 1;
    const startMs = nowMs();
    let groups = 0;
    const pump = async (): Promise<void> => {
      while (nowMs() - startMs < ROUND_MS) {
        const small = Array.from({ length: ONE_IN - 1 }, () => this.#small());
        await Promise.all(large === 0 ? small : [...small, this.#large()]);
        groups += 1;
      }
    };
    await Promise.all(Array.from({ length: SATURATING }, pump));
    await this.#finished(groups * (ONE_IN - 1), groups * large);
    const bytes = large === 0 ? GROUP_BYTES - LARGE_BYTES : GROUP_BYTES;
    return (groups * bytes) / ((nowMs() - startMs) / 1_000);
  }

  /** The p99 of the small tasks of so long a load, once all that it has brought is finished. */
  async round({ smallPerSecond, largePerSecond }: Load, lengthMs = ROUND_MS): Promise<Measured> {
    this.#round += 1;
    const startMs = nowMs();
    const sent: Promise<unknown>[] = [];
    this.#ackMs = [];
    let small = 0;
    let large = 0;
    for (let elapsedMs = 0; elapsedMs < lengthMs; elapsedMs = nowMs() - startMs) {
      for (; small < (elapsedMs / 1_000) * smallPerSecond; small += 1) sent.push(this.#small());
      // The first one after half of its time: a short round has some in its middle.
      for (; large + 0.5 < (elapsedMs / 1_000) * largePerSecond; large += 1) sent.push(this.#large());
      await pause(2);
    }
    await Promise.all(sent);
    const { latenciesMs, loopDelayMs } = await this.#finished(small, large);
    return {
      p50: quantile(latenciesMs, 0.5),
      p99: quantile(latenciesMs, 0.99),
      ackP99: quantile(this.#ackMs, 0.99),
      loopDelayMs,
    };
  }

  async compare(mixed: Load, others: Readonly<Record<string, Load>>): Promise<void> {
    const results = new Map<string, Measured[]>();
    const loads: [string, Load][] = [['with large ones', mixed], ...Object.entries(others)];
    for (let turn = 0; turn <= PAIRS; turn += 1) {
      // Each goes first, in the middle and last: a drift of the machine hits all alike.
      for (let at = 0; at < loads.length; at += 1) {
        const [name, load] = loads[(at + turn) % loads.length] ?? ['', mixed];
        const measured = await this.round(load);
        if (turn > 0) results.set(name, [...(results.get(name) ?? []), measured]);
      }
    }
    const [first, ...rest] = [...results];
    for (const [name, runs] of results) {
      const [p50, p99, ack, loop] = (['p50', 'p99', 'ackP99', 'loopDelayMs'] as const).map((what) =>
        median(runs.map((run) => run[what])),
      );
      console.log(
        `  ${name.padEnd(24)} p50 ${p50?.toFixed(1).padStart(7)} ms, p99 ${p99?.toFixed(1).padStart(7)} ms (until acknowledged ${ack?.toFixed(1)}); worker's event loop at most ${loop?.toFixed(0)} ms`,
      );
    }
    const ofMixed = results.get('with large ones') ?? first?.[1] ?? [];
    for (const [name, runs] of rest.length > 0 ? results : []) {
      if (name === 'with large ones') continue;
      const ratios = runs.map(({ p99 }, at) => (ofMixed[at]?.p99 ?? Number.NaN) / p99);
      const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
      console.log(
        `  p99 / ${name}: ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, ${ratios.length} rounds; goal <= ${GOAL})`,
      );
    }
  }

  #small(): Promise<unknown> {
    const key = `small ${Math.floor(Math.random() * 1_000)}`;
    const sentAtMs = nowMs();
    const payload = { key, round: this.#round, sentAtMs, text: this.#text };
    return this.#made.queue.enqueue('small', payload).then(() => this.#ackMs.push(nowMs() - sentAtMs));
  }

  #large(): Promise<unknown> {
    const key = `large ${Math.floor(Math.random() * 1_000)}`;
    const payload = { key, round: this.#round, sentAtMs: nowMs(), text: '' };
    return this.#made.queue.enqueue('large', payload, { body: chunksOf(this.#content) });
  }

  /** Resolves when the worker has finished so many of this round. */
  async #finished(small: number, large: number): Promise<RoundReport> {
    for (;;) {
      const answered = once(this.#worker, 'message');
      this.#worker.send('report');
      const [report] = (await answered) as [RoundReport]; // it sends nothing else
      const isAll = report.smallCount >= small && report.largeCount >= large;
      if (report.round === this.#round && isAll) return report;
      await pause(50);
    }
  }
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

interface Measured {
  readonly p50: number;
  readonly p99: number;
  /** Of the calls of `enqueue` alone. */
  readonly ackP99: number;
  readonly loopDelayMs: number;
}

/** A body that takes no memory of its own: the same random bytes again and again. */
async function* chunksOf(content: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < LARGE_BYTES; at += CHUNK_BYTES) {
    const from = at % (content.length - CHUNK_BYTES);
    yield content.subarray(from, from + Math.min(CHUNK_BYTES, LARGE_BYTES - at));
  }
}
