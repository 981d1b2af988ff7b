import { randomUUID } from 'node:crypto';
import { connectKafka, defineTask, type Kafka, silentLogger, TaskQueue, type Worker } from 'keylane';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defaultCodecLimits } from '../../src/codec/codec-limits.ts';
import { encodeTask } from '../../src/codec/envelope.ts';
import { loadLz4 } from '../../src/codec/lz4.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { Appender, OutgoingRecord } from '../../src/kafka/port.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

// Everything that is wrong with what somebody gives us, each between two good tasks on real brokers: it is named by its
// own code, nothing else is disturbed, and the good tasks are all handled, in order.

const tasks = {
  work: defineTask({
    schema: z.object({ key: z.string(), n: z.number(), data: z.unknown().optional() }),
    key: ({ key }) => key,
  }),
};

const name = `bad-input-${randomUUID()}`;
const unreachable = '127.0.0.1:1'; // nobody listens on port 1

let kafka: Kafka;
let queue: TaskQueue<typeof tasks>;
let worker: Worker;
let appender: Appender;
/** Good tasks in the order of their handling. */
const handled: number[] = [];
const held: { readonly key: string; readonly reason: string; readonly error: unknown }[] = [];
let changed: () => void = () => {};
let sent = 0;

beforeAll(async () => {
  kafka = connectKafka({ brokers: kafkaBrokers() });
  // One partition: the bad and the good stand in one line.
  queue = new TaskQueue({ name, tasks, kafka, topic: { partitions: 1 }, logger: silentLogger });
  worker = queue.worker(
    {
      work: ({ key, n }) => {
        if (key === 'good') handled.push(n);
        changed();
      },
    },
    { logger: silentLogger, commitIntervalMs: 50, afterGiveUp: 'wait' },
  );
  worker.on('key-held', ({ key, reason, error }) => {
    held.push({ key, reason, error });
    changed();
  });
  await worker.start();
  const address = {
    brokers: kafkaBrokers(),
    clientId: 'bad-input',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  };
  const none = (): Promise<never> => Promise.reject(new Error('not needed'));
  appender = await confluentDriver({ address, admin: none }).appender();
});

afterAll(async () => {
  await queue.close();
  await appender.close({ timeoutMs: 5_000 });
  await kafka.close();
});

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) {
    await new Promise<void>((resolve) => {
      changed = resolve;
    });
  }
}

async function enqueueGood(): Promise<void> {
  sent += 1;
  await queue.enqueue('work', { key: 'good', n: sent });
}

/** What is thrown or rejected with. */
async function errorOf(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt();
  } catch (error) {
    return error;
  }
  throw new Error('nothing went wrong');
}

/** What `enqueue` says to a caller without a compiler. */
function enqueue(type: string, payload: unknown): Promise<unknown> {
  return errorOf(() => queue.enqueue(type as 'work', payload as { key: string; n: number }));
}

/** Somebody else's records in our topic: what the worker says of the key. */
async function append(
  key: string | null,
  change: (record: OutgoingRecord) => OutgoingRecord,
): Promise<unknown> {
  const good = await encodeTask(
    { id: randomUUID(), type: 'work', version: 1, payload: { key, n: 0 }, key: key ?? 'x', enqueuedAtMs: 5 },
    defaultCodecLimits,
  );
  const record = change({ ...good.record, key: key === null ? null : Buffer.from(key) });
  const { outcomes } = await appender.append({ topic: name, partition: 0, records: [record] });
  expect(outcomes).toMatchObject([{ kind: 'appended' }]);
  const mine = (): (typeof held)[number] | undefined => held.find((event) => event.key === (key ?? ''));
  await until(() => mine() !== undefined);
  return mine();
}

function withHeaders(record: OutgoingRecord, headers: Readonly<Record<string, string>>): OutgoingRecord {
  return {
    ...record,
    headers: record.headers.map(
      ([header, value]) => [header, Buffer.from(headers[header] ?? value)] as const,
    ),
  };
}

/** One block of 64 KiB, over and over: 200 MB in less than 1 MB. */
async function bomb(): Promise<Buffer> {
  const { compressFrameSync } = await loadLz4();
  const whole = compressFrameSync(Buffer.alloc(65_536, 0x20), { contentChecksum: true });
  const blocks = Array.from({ length: 3_050 }, () => whole.subarray(7, -8));
  return Buffer.concat([whole.subarray(0, 7), ...blocks, whole.subarray(-8)]);
}

/** Another process's connection to brokers that are not there. */
async function atUnreachableBrokers<T>(use: (other: TaskQueue<typeof tasks>) => Promise<T>): Promise<T> {
  await using nowhere = connectKafka({ brokers: [unreachable], connectTimeoutMs: 1_500 });
  await using other = new TaskQueue({
    name,
    tasks,
    kafka: nowhere,
    topic: { partitions: 1 },
    logger: silentLogger,
  });
  return await use(other);
}

const undecodable = {
  reason: 'undecodable',
  error: expect.objectContaining({ code: 'RECORD_UNDECODABLE', topic: name, partition: 0 }) as unknown,
};

it.each<[what: string, provoke: () => Promise<unknown>, answer: object]>([
  ['a wrong payload', () => enqueue('work', { key: 'k', n: 'seven' }), { code: 'PAYLOAD_INVALID' }],
  ['no payload', () => enqueue('work', undefined), { code: 'PAYLOAD_INVALID' }],
  ['an unknown type', () => enqueue('wrok', { key: 'k', n: 1 }), { code: 'TASK_TYPE_UNKNOWN' }],
  ['an empty key', () => enqueue('work', { key: '', n: 1 }), { code: 'KEY_INVALID' }],
  [
    'a payload that is no JSON',
    () => enqueue('work', { key: 'k', n: 1, data: 10n }),
    { code: 'PAYLOAD_NOT_SERIALIZABLE' },
  ],
  [
    'a payload that holds itself',
    () => {
      const data: Record<string, unknown> = {};
      data['self'] = data;
      return enqueue('work', { key: 'k', n: 1, data });
    },
    { code: 'PAYLOAD_NOT_SERIALIZABLE' },
  ],
  [
    'a payload that is too large',
    () => enqueue('work', { key: 'k', n: 1, data: 'x'.repeat(17 * 1024 * 1024) }),
    { code: 'TASK_TOO_LARGE' },
  ],
  [
    'bad options of a connection',
    () => errorOf(() => connectKafka({ brokers: ['no port'], clientID: 'x' } as never)),
    { code: 'OPTIONS_INVALID', problems: [{ path: 'brokers.0' }, { path: 'clientID' }] },
  ],
  [
    'bad options of a queue',
    () => errorOf(() => new TaskQueue({ name: '', tasks, kafka, topic: { partitions: 0 } })),
    { code: 'OPTIONS_INVALID', problems: [{ path: 'name' }, { path: 'topic.partitions' }] },
  ],
  [
    'bad options of a worker',
    () => errorOf(() => queue.worker({ work: () => {} }, { concurrency: 0, groop: 'g' } as never)),
    { code: 'OPTIONS_INVALID', problems: [{ path: 'concurrency' }, { path: 'groop' }] },
  ],
  [
    'brokers that cannot be reached, for enqueue',
    () => atUnreachableBrokers((other) => errorOf(() => other.enqueue('work', { key: 'k', n: 1 }))),
    { code: 'KAFKA_UNREACHABLE' },
  ],
  [
    'brokers that cannot be reached, for a worker',
    () => atUnreachableBrokers((other) => errorOf(() => other.worker({ work: () => {} }).start())),
    { code: 'KAFKA_UNREACHABLE' },
  ],
  [
    "somebody else's record in the topic",
    () =>
      append('foreign', () => ({ key: Buffer.from('foreign'), value: Buffer.from('hello'), headers: [] })),
    undecodable,
  ],
  ['a record without a key', () => append(null, (record) => record), undecodable],
  [
    'a record with a damaged value',
    () => append('damaged', (record) => ({ ...record, value: record.value.subarray(1) })),
    undecodable,
  ],
  [
    'a hostile lz4 frame: 200 MB in 1 MB',
    async () => {
      const value = await bomb();
      return await append('bomb', (record) => ({
        ...withHeaders(record, { 'kl-codec': 'json+lz4f', 'kl-length': '100' }),
        value,
      }));
    },
    undecodable,
  ],
  [
    'a hostile lz4 frame that says so',
    async () => {
      const value = await bomb();
      return await append('honest bomb', (record) => ({
        ...withHeaders(record, { 'kl-codec': 'json+lz4f', 'kl-length': String(3_050 * 65_536) }),
        value,
      }));
    },
    undecodable,
  ],
  [
    'a frame that declares 4 GiB',
    () =>
      append('liar', (record) => ({
        ...withHeaders(record, { 'kl-codec': 'json+lz4f', 'kl-length': '4294967295' }),
        value: Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]),
      })),
    undecodable,
  ],
  [
    'a recorded payload that the schema does not take',
    () =>
      append('misfit', (record) => {
        const value = Buffer.from('{"key":"misfit"}');
        return { ...withHeaders(record, { 'kl-length': String(value.length) }), value };
      }),
    { reason: 'undecodable', error: expect.objectContaining({ code: 'PAYLOAD_INVALID' }) as unknown },
  ],
  [
    'a type of a later deploy',
    () => append('later type', (record) => withHeaders(record, { 'kl-type': 'not.yet' })),
    { reason: 'unknown-type' },
  ],
  [
    'a version of a later deploy',
    () => append('later version', (record) => withHeaders(record, { 'kl-version': '2' })),
    { reason: 'newer-version' },
  ],
])(
  '%s is answered with its own code; the tasks around it are handled in order',
  async (_what, provoke, answer) => {
    await enqueueGood();
    const answered = provoke();
    await enqueueGood();
    expect(await answered).toMatchObject(answer);
    await enqueueGood();
    await until(() => handled.length >= sent);
    expect(handled).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
  },
);

it('what was held is still there and still said after all of that', async () => {
  const keys = [
    'foreign',
    '',
    'damaged',
    'bomb',
    'honest bomb',
    'liar',
    'misfit',
    'later type',
    'later version',
  ];
  expect(held.map(({ key }) => key)).toEqual(keys);
  expect(worker.health()).toMatchObject({ status: 'degraded', heldKeys: keys.length });
  await worker.stop();
  // Whoever takes the partition next finds the same keys unfinished, and runs none of the good tasks again.
  const again: number[] = [];
  const heldAgain: string[] = [];
  const successor = queue.worker(
    { work: ({ n }) => void again.push(n) },
    { logger: silentLogger, afterGiveUp: 'wait' },
  );
  const all = new Promise<void>((resolve) => {
    successor.on('key-held', ({ key }) => {
      heldAgain.push(key);
      if (heldAgain.length === keys.length) resolve();
    });
  });
  await successor.start();
  await all;
  expect(new Set(heldAgain)).toEqual(new Set(keys));
  await successor.stop();
  expect(again).toEqual([]);
});
