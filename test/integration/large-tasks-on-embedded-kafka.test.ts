import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { crc32c } from '../../src/codec/crc32c.ts';
import { readPartContent, readPartHead } from '../../src/codec/part.ts';
import { type RecordHead, readHead } from '../../src/codec/read-record.ts';
import { ParkError } from '../../src/errors/control-errors.ts';
import { embeddedDriver } from '../../src/kafka/confluent/embedded-driver.ts';
import { KafkaConnection } from '../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../src/queue/kafka-options.ts';
import { TaskQueue } from '../../src/queue/task-queue.ts';
import { defineTask } from '../../src/tasks/define-task.ts';
import { silentLogger } from '../../src/telemetry/logger.ts';
import { readUntil } from './confluent-world.ts';

const schema = z.object({ key: z.string(), text: z.string().optional() });
const tasks = { file: defineTask({ schema, key: ({ key }) => key, body: 'stream' }) };

test('bodies in a record, bodies in parts and a large payload are in the log as they were given', async () => {
  const driver = embeddedDriver();
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  await using kafka = new KafkaConnection(driver, { budgetBytes, producer });
  await using queue = new TaskQueue({ name: 'files', tasks, kafka, logger: silentLogger });
  const small = randomBytes(400_000);
  const large = randomBytes(1_500_000);
  const text = randomBytes(700_000).toString('base64');
  const { partition } = await queue.enqueue('file', { key: 'a' }, { body: small });
  await queue.enqueue('file', { key: 'a' }, { body: Buffer.of() });
  await queue.enqueue(
    'file',
    { key: 'a' },
    { body: Readable.from([large.subarray(0, 7), large.subarray(7)]) },
  );
  await queue.enqueue('file', { key: 'a', text }, { body: Buffer.from('beside it'), contentEncoding: 'br' });

  const reader = await driver.reader({ name: 'r', prefetchBytes: 8_000_000 });
  await reader.assign([{ topic: 'files', partition, offset: 0 }]);
  const heads = (await readUntil(reader, ({ length }) => length >= 4)).map((record): RecordHead => {
    const reading = readHead(record);
    if (reading.kind !== 'task') throw new Error(reading.reason);
    return reading.head;
  });
  expect(heads.map(({ bodyBytes, body }) => [bodyBytes, body?.kind])).toEqual([
    [small.length, 'inline'],
    [0, 'inline'],
    [large.length, 'parts'],
    [9, 'inline'],
  ]);
  const bodies = heads.map(({ body }) => (body?.kind === 'inline' ? body.bytes : undefined));
  expect(bodies[0]?.equals(small)).toBe(true);
  expect(heads[3]).toMatchObject({ codec: 'json+parts', contentEncoding: 'br' });

  const manifests = [
    heads[2]?.body?.kind === 'parts' ? heads[2].body.manifest : undefined,
    heads[3]?.payloadParts,
  ];
  const partCount = manifests.reduce((sum, manifest) => sum + (manifest?.count ?? 0), 0);
  await reader.unassign([{ topic: 'files', partition }]);
  await reader.assign([{ topic: 'files.parts', partition: manifests[0]?.partition ?? 0, offset: 0 }]);
  const parts = await readUntil(reader, ({ length }) => length >= partCount);
  const contents: Buffer[] = [];
  for (const manifest of manifests) {
    const read: Buffer[] = [];
    for (const record of parts) {
      const head = readPartHead(record);
      if (head?.upload !== manifest?.upload || head === undefined) continue;
      read.push(await readPartContent(record, head, { maxPartBytes: 1_000_000 }));
    }
    const content = Buffer.concat(read);
    expect([content.length, crc32c(content)]).toEqual([manifest?.bytes, manifest?.crc]);
    contents.push(content);
  }
  expect(contents[0]?.equals(large)).toBe(true);
  expect(JSON.parse(contents[1]?.toString() ?? '')).toEqual({ key: 'a', text });
  await reader.close();
});

test('more than the embedded cluster keeps at once goes through it, body by body, each as it was given', async () => {
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  await using kafka = new KafkaConnection(embeddedDriver(), { budgetBytes, producer });
  await using queue = new TaskQueue({ name: 'files', tasks, kafka, logger: silentLogger });
  const read = new Map<string, string>();
  const worker = queue.worker(
    {
      file: async ({ text = '' }, ctx) => {
        const hash = createHash('sha256');
        for await (const chunk of ctx.body) hash.update(chunk as Buffer); // it has no encoding
        read.set(text, hash.digest('hex'));
      },
    },
    { logger: silentLogger, commitIntervalMs: 50 },
  );
  await worker.start();
  const contents = Array.from({ length: 8 }, () => randomBytes(1_500_000));
  const finished = new Promise<void>((resolve) => {
    worker.on('task-finished', () => {
      if (read.size === contents.length) resolve();
    });
  });
  await queue.enqueueMany(
    contents.map((body, n) => ({ type: 'file', payload: { key: 'a', text: `${n}` }, options: { body } })),
  );
  await finished;
  expect(contents.map((_, n) => read.get(`${n}`))).toEqual(
    contents.map((content) => createHash('sha256').update(content).digest('hex')),
  );
});

test('a parked body is redriven from the parked topic, beside others that have taken its place in the parts topic', async () => {
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  await using kafka = new KafkaConnection(embeddedDriver(), { budgetBytes, producer });
  await using queue = new TaskQueue({ name: 'files', tasks, kafka, logger: silentLogger });
  const read = new Map<string, string>();
  let fixed = false;
  const worker = queue.worker(
    {
      file: async ({ text = '' }, ctx) => {
        if (!fixed && text === 'bad') throw new ParkError('not yet');
        const hash = createHash('sha256');
        for await (const chunk of ctx.body) hash.update(chunk as Buffer); // it has no encoding
        read.set(text, hash.digest('hex'));
      },
    },
    { logger: silentLogger, commitIntervalMs: 50 },
  );
  await worker.start();
  const body = randomBytes(2_900_000);
  const parked = new Promise((resolve) => worker.on('key-parked', resolve));
  const { partition } = await queue.enqueue('file', { key: 'a', text: 'bad' }, { body });
  await parked;
  // Each needs the room of those before it: the parts topic keeps nothing of the first.
  let beside = 0;
  for (let n = 0; beside < 3; n += 1) {
    const given = { key: `other-${n}`, text: `${n}` };
    const receipt = await queue.enqueue('file', given, { body: randomBytes(2_900_000) });
    if (receipt.partition === partition) beside += 1;
  }
  fixed = true;
  const report = await queue.parked.redrive({ key: 'a' }, { waitMs: 30_000 });
  expect(report.commands).toMatchObject([{ outcome: 'redriven' }]);
  expect(read.get('bad')).toBe(createHash('sha256').update(body).digest('hex'));
});

test('a task whose payload and body are both too large for its record is refused: one would wait for the room of the other', async () => {
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  await using kafka = new KafkaConnection(embeddedDriver(), { budgetBytes, producer });
  await using queue = new TaskQueue({ name: 'files', tasks, kafka, logger: silentLogger });
  const text = randomBytes(1_900_000).toString('base64');
  const call = queue.enqueue('file', { key: 'a', text }, { body: randomBytes(2_500_000) });
  await expect(call).rejects.toMatchObject({
    code: 'TASK_TOO_LARGE',
    message: expect.stringContaining('either the payload in parts or the body'),
  });
  // What was uploaded of it is in nobody's way.
  await queue.enqueue('file', { key: 'a' }, { body: randomBytes(2_500_000) });
});
