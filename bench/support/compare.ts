/** One side of a comparison: moves the same bytes as the other, and resolves when all are through. */
export interface Contestant {
  readonly name: string;
  /** Before each run, and not measured. */
  prepare?(): Promise<void>;
  run(): Promise<void>;
}

export interface Measured {
  readonly seconds: number;
  readonly clientCpuMs: number;
  readonly brokerCpuMs: number | undefined;
}

export interface Comparison {
  /** How much faster the second was than the first, pair by pair. */
  readonly ratios: readonly number[];
  readonly first: readonly Measured[];
  readonly second: readonly Measured[];
}

export async function measure(
  run: () => Promise<void>,
  brokerCpuMs: () => number | undefined,
): Promise<Measured> {
  const brokersBefore = brokerCpuMs();
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await run();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const brokersAfter = brokerCpuMs();
  return {
    seconds,
    clientCpuMs: (user + system) / 1_000,
    brokerCpuMs:
      brokersBefore === undefined || brokersAfter === undefined ? undefined : brokersAfter - brokersBefore,
  };
}

/**
 * Runs both in the order ABBA ABBA..., so that a drift of the machine hits both alike. The first pair is thrown away: brokers
 * compile their hot paths in it. Absolute figures of one machine say little; the ratios are the result.
 */
export async function compare(
  first: Contestant,
  second: Contestant,
  options: { readonly pairs: number; readonly brokerCpuMs: () => number | undefined },
): Promise<Comparison> {
  const ratios: number[] = [];
  const ofFirst: Measured[] = [];
  const ofSecond: Measured[] = [];
  for (let pair = 0; pair <= options.pairs; pair += 1) {
    const firstLeads = pair % 2 === 0;
    const leader = await prepared(firstLeads ? first : second, options.brokerCpuMs);
    const follower = await prepared(firstLeads ? second : first, options.brokerCpuMs);
    if (pair === 0) continue;
    const [a, b] = firstLeads ? [leader, follower] : [follower, leader];
    ofFirst.push(a);
    ofSecond.push(b);
    ratios.push(a.seconds / b.seconds);
  }
  return { ratios, first: ofFirst, second: ofSecond };
}

async function prepared(contestant: Contestant, brokerCpuMs: () => number | undefined): Promise<Measured> {
  await contestant.prepare?.();
  return measure(() => contestant.run(), brokerCpuMs);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** One line a side, one for the ratio. */
export function report(names: readonly [string, string], result: Comparison, megabytes: number): void {
  for (const [name, runs] of [
    [names[0], result.first],
    [names[1], result.second],
  ] as const) {
    const speed = median(runs.map(({ seconds }) => megabytes / seconds));
    const client = median(runs.map(({ clientCpuMs }) => clientCpuMs / megabytes));
    const broker = median(runs.map(({ brokerCpuMs }) => (brokerCpuMs ?? Number.NaN) / megabytes));
    console.log(
      `  ${name.padEnd(34)} ${speed.toFixed(0).padStart(5)} MB/s   CPU ms/MB: client ${client.toFixed(2)}, brokers ${broker.toFixed(1)}`,
    );
  }
  const [low, high] = [Math.min(...result.ratios), Math.max(...result.ratios)];
  console.log(
    `  ratio ${median(result.ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, ${result.ratios.length} pairs)`,
  );
}
