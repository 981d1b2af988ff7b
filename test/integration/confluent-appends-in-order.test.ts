import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RecordOutcome } from '../../src/kafka/port.ts';
import { readUntil, record, World } from './confluent-world.ts';

const offsets = (outcomes: readonly RecordOutcome[]) =>
  outcomes.map((outcome) => (outcome.kind === 'appended' ? outcome.offset : outcome.kind));

test('batches under way at the same time reach a warm partition in the order of the calls', async () => {
  await using world = await World.open(1);
  const appender = await world.appender();
  const append = (...texts: string[]) =>
    appender.append({ topic: world.topic, partition: 0, records: texts.map(record) });
  expect(offsets((await append('0')).outcomes)).toEqual([0]);
  const texts = Array.from({ length: 300 }, (_, index) => String(index + 1));
  const batches = Array.from({ length: 30 }, (_, index) =>
    append(...texts.slice(index * 10, index * 10 + 10)),
  );
  const results = await Promise.all(batches);
  expect(results.flatMap(({ outcomes }) => offsets(outcomes))).toEqual(texts.map(Number));
  const reader = await world.reader();
  await reader.assign([{ topic: world.topic, partition: 0, offset: 1 }]);
  const read = await readUntil(reader, ({ length }) => length >= 300);
  expect(read.map(({ value }) => value?.toString())).toEqual(texts);
});

test('bytes, empty values and repeated headers come back as they were written', async () => {
  await using world = await World.open(1);
  const appender = await world.appender();
  const value = Buffer.from([0, 255, 0, 10]);
  const headers = [
    ['h', Buffer.from([0, 1])],
    ['h', Buffer.alloc(0)],
    ['other', Buffer.from('ü')],
  ] as const;
  const records = [
    { key: Buffer.from('a\0b'), value, headers },
    { key: null, value: Buffer.alloc(0), headers: [] },
  ];
  for (const one of records) await appender.append({ topic: world.topic, partition: 0, records: [one] });
  const reader = await world.reader();
  await reader.assign([{ topic: world.topic, partition: 0, offset: 0 }]);
  const [first, second] = await readUntil(reader, ({ length }) => length >= 2);
  expect(first).toMatchObject({ key: Buffer.from('a\0b'), value, headers });
  expect(second).toMatchObject({ key: null, value: Buffer.alloc(0), headers: [] });
});

test('the time of a record is the broker’s where the topic says so', async () => {
  await using world = await World.open(1, { 'message.timestamp.type': 'LogAppendTime' });
  const appender = await world.appender();
  const before = Date.now();
  const { outcomes } = await appender.append({ topic: world.topic, partition: 0, records: [record('a')] });
  const reader = await world.reader();
  await reader.assign([{ topic: world.topic, partition: 0, offset: 0 }]);
  const [read] = await readUntil(reader, ({ length }) => length >= 1);
  expect(outcomes).toEqual([{ kind: 'appended', offset: 0, timestampMs: read?.timestampMs }]);
  expect(read?.timestampMs).toBeGreaterThanOrEqual(before - 1_000);
});

test('what cannot be appended is absent, with the reason, and the rest goes on', async () => {
  await using world = await World.open(1);
  const appender = await world.appender();
  const large = { key: null, value: Buffer.alloc(1_000_001), headers: [] };
  const result = await appender.append({
    topic: world.topic,
    partition: 0,
    records: [large, record('after')],
  });
  expect(result.outcomes).toMatchObject([
    { kind: 'absent', failure: { kind: 'too-large' } },
    { kind: 'appended', offset: 0 },
  ]);
  const nowhere = await appender.append({ topic: world.topic, partition: 7, records: [record('x')] });
  expect(nowhere.outcomes).toMatchObject([{ kind: 'absent', failure: { kind: 'unknown-topic' } }]);
  const missing = await appender.append({ topic: 'no-such-topic', partition: 0, records: [record('x')] });
  expect(missing.outcomes).toMatchObject([{ kind: 'absent', failure: { kind: 'unknown-topic' } }]);
});

test('a batch larger than the topic takes is refused by the broker: absent', async () => {
  await using world = await World.open(1, { 'max.message.bytes': '2000' });
  const appender = await world.appender();
  // Not compressible, so that the lz4 batch is too large as well.
  const value = randomBytes(4_000);
  const result = await appender.append({
    topic: world.topic,
    partition: 0,
    records: [{ key: null, value, headers: [] }],
  });
  expect(result.outcomes).toMatchObject([{ kind: 'absent', failure: { kind: 'too-large' } }]);
});
