import { randomBytes } from 'node:crypto';
import { systemClock } from '../src/clock/clock.ts';
import { confluentDriver } from '../src/kafka/confluent/driver.ts';
import type { OutgoingRecord } from '../src/kafka/port.ts';
import { Producer } from '../src/producer/producer.ts';
import { producerOptionsSchema } from '../src/producer/producer-options.ts';
import { BareProducer } from './support/bare-producer.ts';
import type { BenchCluster } from './support/bench-cluster.ts';
import { type Contestant, compare, measure, report } from './support/compare.ts';
import { versions } from './support/versions.ts';

const PARTITIONS = 24;
/** Keys of a partition: enough that a key's share of the buffer does not matter. */
const KEYS = 10;
const OUTSTANDING_BYTES = 32_000_000;
/** As the codec counts it. */
const RECORD_OVERHEAD_BYTES = 64;

interface Load {
  readonly name: string;
  readonly recordBytes: number;
  readonly count: number;
  /** Median ratio that has to be reached. */
  readonly goal: number;
}

const loads: readonly Load[] = [
  { name: '10 KB', recordBytes: 10_000, count: 12_000, goal: 0.85 },
  { name: '100 KB', recordBytes: 100_000, count: 1_600, goal: 0.95 },
  { name: '900 KB', recordBytes: 900_000, count: 200, goal: 0.95 },
];

/** keylane's producer against the bare client in its best safe setting: same cluster, same bytes, same run. */
export async function run(cluster: BenchCluster): Promise<void> {
  console.log(
    `enqueue / bare produce, ${PARTITIONS} partitions, random bytes, ${OUTSTANDING_BYTES / 1e6} MB outstanding`,
  );
  console.log(versions());
  const topic = `bench-enqueue-${Date.now()}`;
  await cluster.admin.createTopics([
    {
      name: topic,
      partitions: PARTITIONS,
      replicationFactor: 3,
      // Small segments that are deleted soon: the disk must not decide.
      configs: { 'min.insync.replicas': '2', 'segment.bytes': '16777216', 'retention.bytes': '16777216' },
    },
  ]);
  const only = process.env['BENCH_SIZES']?.split(',');
  for (const load of loads) {
    if (only === undefined || only.includes(load.name)) await compareAt(cluster, topic, load);
  }
}

async function compareAt(cluster: BenchCluster, topic: string, load: Load): Promise<void> {
  const record: OutgoingRecord = {
    key: Buffer.from('key'),
    value: randomBytes(load.recordBytes),
    headers: [],
  };
  const bare = await bestBare(cluster, topic, load, record);
  const driver = confluentDriver({ address: cluster.address, admin: () => Promise.resolve(cluster.admin) });
  const appender = await driver.appender();
  const options = producerOptionsSchema.parse({});
  const producer = new Producer({ appender: () => Promise.resolve(appender), clock: systemClock, options });
  const keylane: Contestant = { name: 'keylane', run: () => enqueueAll(producer, topic, load, record) };
  const pairs = Number(process.env['BENCH_PAIRS'] ?? 6);
  const result = await compare(bare, keylane, { pairs, brokerCpuMs: () => cluster.brokerCpuMs() });
  console.log(`${load.name} (goal ${load.goal})`);
  report([bare.name, keylane.name], result, (load.recordBytes * load.count) / 1e6);
  await producer.close({ timeoutMs: 30_000 });
  await appender.close({ timeoutMs: 10_000 });
  await bare.close();
}

/** Tries the bare client's settings that keep order and lose nothing but by its own fault, and takes the fastest. */
async function bestBare(
  cluster: BenchCluster,
  topic: string,
  load: Load,
  record: OutgoingRecord,
): Promise<Contestant & { close(): Promise<void> }> {
  let best:
    | { readonly seconds: number; readonly contestant: Contestant & { close(): Promise<void> } }
    | undefined;
  for (const lingerMs of [5, 50]) {
    for (const codec of ['none', 'lz4'] as const) {
      const producer = await BareProducer.connect(cluster.address.brokers, { lingerMs, codec });
      const contestant = {
        name: `bare client, linger ${lingerMs}, ${codec}`,
        run: () => produceAll(producer, topic, load, record),
        close: () => producer.close(),
      };
      await contestant.run();
      const { seconds } = await measure(contestant.run, () => undefined);
      if (best !== undefined && best.seconds <= seconds) {
        await contestant.close();
      } else {
        await best?.contestant.close();
        best = { seconds, contestant };
      }
    }
  }
  if (best === undefined) throw new Error('no setting was tried');
  return best.contestant;
}

function produceAll(
  producer: BareProducer,
  topic: string,
  load: Load,
  record: OutgoingRecord,
): Promise<void> {
  return keepFull(load, (index) => producer.produce(topic, index % PARTITIONS, record.value, record.key));
}

function enqueueAll(producer: Producer, topic: string, load: Load, record: OutgoingRecord): Promise<void> {
  const bytes = load.recordBytes + RECORD_OVERHEAD_BYTES;
  const encode = () => ({ record, bytes });
  return keepFull(load, (index) => {
    const partition = index % PARTITIONS;
    const laneKey = `key-${Math.floor(index / PARTITIONS) % KEYS}`;
    return producer.add({
      topic,
      partition,
      laneKey,
      id: `${index}`,
      type: 'bench',
      sizeBytes: load.recordBytes,
      encode,
    });
  });
}

/** Keeps as many bytes under way as agreed until all are through; rejects with the first failure. */
function keepFull(load: Load, start: (index: number) => Promise<unknown>): Promise<void> {
  return new Promise((resolve, reject) => {
    let started = 0;
    let done = 0;
    const fill = (): void => {
      while (started < load.count && (started - done) * load.recordBytes < OUTSTANDING_BYTES) {
        start(started).then(finish, reject);
        started += 1;
      }
    };
    const finish = (): void => {
      done += 1;
      if (done === load.count) resolve();
      else fill();
    };
    fill();
  });
}
