import { randomBytes } from 'node:crypto';
import { connectKafka, defineTask, silentLogger, TaskQueue } from 'keylane';
import { z } from 'zod';
import { loadNative, type NativeConsumer } from '../src/kafka/confluent/native.ts';
import type { BenchCluster } from './support/bench-cluster.ts';
import { median } from './support/compare.ts';
import { versions } from './support/versions.ts';

const PARTITIONS = 24;
const KEYS = 500;
const TOTAL_BYTES = Number(process.env['BENCH_MEGABYTES'] ?? 600) * 1e6;

interface Load {
  readonly name: string;
  readonly payloadBytes: number;
  /** Median ratio that has to be reached. */
  readonly goal: number;
}

const loads: readonly Load[] = [
  { name: '10 KB', payloadBytes: 10_000, goal: 0.8 },
  { name: '100 KB', payloadBytes: 100_000, goal: 0.9 },
  { name: '850 KB', payloadBytes: 850_000, goal: 0.95 },
];

const tasks = {
  blob: defineTask({ schema: z.object({ key: z.string(), data: z.string() }), key: (p) => p.key }),
};

/** Seconds and the client's CPU time for the measured part. */
interface Drain {
  readonly seconds: number;
  readonly cpuMs: number;
}

/**
 * A worker with a handler that does nothing against the bare client reading the same log: over
 * the second half of it. The ratio is to the bare client that parses each payload as JSON, which a handler needs in any case; a line
 * below tells how fast it is when it looks at nothing.
 */
export async function run(cluster: BenchCluster): Promise<void> {
  console.log(
    `worker with a no-op handler / bare consume, ${PARTITIONS} partitions, ${TOTAL_BYTES / 1e6} MB`,
  );
  console.log(versions());
  const only = process.env['BENCH_SIZES']?.split(',');
  for (const load of loads) {
    if (only === undefined || only.includes(load.name)) await compareAt(cluster, load);
  }
}

async function compareAt(cluster: BenchCluster, load: Load): Promise<void> {
  await using kafka = connectKafka({ brokers: cluster.address.brokers });
  const name = `bench-consume-${load.payloadBytes}-${Date.now()}`;
  const pairs = Number(process.env['BENCH_PAIRS'] ?? 6);
  const groups = Array.from({ length: pairs + 1 }, (_, pair) => `${name}-${pair}`);
  const queue = new TaskQueue({
    name,
    groups,
    tasks,
    kafka,
    topic: { partitions: PARTITIONS },
    logger: silentLogger,
  });
  const count = Math.ceil(TOTAL_BYTES / load.payloadBytes);
  await fill(queue, count, load.payloadBytes);
  const ratios: number[] = [];
  const bare: Drain[] = [];
  const ours: Drain[] = [];
  const unread: Drain[] = [];
  for (const [pair, group] of groups.entries()) {
    const drains = [
      () => drainBare(cluster, name, count, true),
      () => drainWorker(queue, group, count),
    ] as const;
    const [a, b] = pair % 2 === 0 ? drains : ([drains[1], drains[0]] as const);
    const [first, second] = [await a(), await b()];
    const [ofBare, ofOurs] = pair % 2 === 0 ? [first, second] : [second, first];
    const blind = await drainBare(cluster, name, count, false);
    if (pair === 0) continue; // brokers and this process compile their hot paths
    bare.push(ofBare);
    ours.push(ofOurs);
    unread.push(blind);
    ratios.push(ofBare.seconds / ofOurs.seconds);
  }
  const megabytes = ((count - Math.floor(count / 2)) * load.payloadBytes) / 1e6;
  console.log(`${load.name} (goal ${load.goal})`);
  for (const [who, runs] of [
    ['bare client, consume(n), parsing', bare],
    ['bare client, looking at nothing', unread],
    ['keylane worker', ours],
  ] as const) {
    const speed = median(runs.map(({ seconds }) => megabytes / seconds));
    const cpu = median(runs.map(({ cpuMs }) => cpuMs / megabytes));
    console.log(
      `  ${who.padEnd(34)} ${speed.toFixed(0).padStart(5)} MB/s   CPU ms/MB: client ${cpu.toFixed(2)}`,
    );
  }
  const [low, high] = [Math.min(...ratios), Math.max(...ratios)];
  console.log(
    `  ratio ${median(ratios).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}, ${ratios.length} pairs)`,
  );
  await queue.close();
}

async function fill(queue: TaskQueue<typeof tasks>, count: number, bytes: number): Promise<void> {
  const data = randomBytes(Math.ceil((bytes * 3) / 4))
    .toString('base64')
    .slice(0, bytes - 100);
  const open = new Set<Promise<unknown>>();
  for (let i = 0; i < count; i += 1) {
    const call = queue.enqueue('blob', { key: `key-${i % KEYS}`, data });
    const tracked = call.finally(() => open.delete(tracked));
    open.add(tracked);
    if (open.size * bytes >= 32e6) await Promise.race(open);
  }
  await Promise.all(open);
}

/** Measures the second half: joining a group, taking partitions and warming up are not what is compared. */
function stopwatch(count: number): { tick: () => void; readonly done: Promise<Drain> } {
  let seen = 0;
  let startMs = 0;
  let cpu = process.cpuUsage();
  let finish: (drain: Drain) => void = () => {};
  const done = new Promise<Drain>((resolve) => {
    finish = resolve;
  });
  const tick = (): void => {
    if (seen === Math.floor(count / 2)) {
      startMs = performance.now();
      cpu = process.cpuUsage();
    }
    seen += 1;
    if (seen !== count) return;
    const used = process.cpuUsage(cpu);
    finish({ seconds: (performance.now() - startMs) / 1_000, cpuMs: (used.user + used.system) / 1_000 });
  };
  return { tick, done };
}

async function drainWorker(queue: TaskQueue<typeof tasks>, group: string, count: number): Promise<Drain> {
  const { tick, done } = stopwatch(count);
  const worker = queue.worker({ blob: tick }, { group, logger: silentLogger });
  await worker.start();
  const drain = await done;
  await worker.stop();
  return drain;
}

async function drainBare(
  cluster: BenchCluster,
  topic: string,
  count: number,
  parses: boolean,
): Promise<Drain> {
  const { KafkaConsumer } = await loadNative();
  const client = new KafkaConsumer(
    {
      'bootstrap.servers': cluster.address.brokers.join(','),
      'group.id': `bare-${topic}`,
      'enable.auto.commit': false,
      'auto.offset.reset': 'earliest',
      'check.crcs': true,
      'queued.max.messages.kbytes': 16_384,
      'fetch.max.bytes': 16_777_216,
      'fetch.queue.backoff.ms': 50,
    },
    undefined,
  );
  client.on('event.error', () => undefined);
  client.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    client.connect({ allTopics: false, timeout: 30_000 }, (error) => (error ? reject(error) : resolve()));
  });
  client.setDefaultConsumeTimeout(0);
  client.incrementalAssign(
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition, offset: 0 })),
  );
  const { tick, done } = stopwatch(count);
  await consumeAll(client, count, (value) => {
    if (parses && value !== null) JSON.parse(value.toString());
    tick();
  });
  const drain = await done;
  client.unassign();
  await new Promise<void>((resolve) => client.disconnect(() => resolve()));
  return drain;
}

/** 64 at a time with no waiting: the fastest setting of the bare client at these sizes. */
function consumeAll(
  client: NativeConsumer,
  count: number,
  take: (value: Buffer | null) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    const next = (): void => {
      client.consume(64, (error, messages) => {
        if (error) {
          reject(error);
          return;
        }
        for (const message of messages) take(message.value);
        seen += messages.length;
        if (seen >= count) resolve();
        else if (messages.length === 0) setTimeout(next, 1);
        else next();
      });
    };
    next();
  });
}
