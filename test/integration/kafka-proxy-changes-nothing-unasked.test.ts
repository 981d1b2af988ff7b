import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { BareProducer, createTopic, readAll } from '../support/bare-client.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { startKafkaProxy } from '../support/kafka-proxy/proxy.ts';

const direct = kafkaBrokers().join(',');

test('without faults, what is produced through the proxy is what is read, through it and past it', async () => {
  await using proxy = await startKafkaProxy(direct);
  const topic = `proxied-${randomUUID()}`;
  await createTopic(proxy.bootstrap, topic, 3);
  // By another producer, so that the topic is known to its leaders and refuses nothing by itself.
  await using other = await BareProducer.connect(direct, topic);
  for (const partition of [0, 1, 2]) await other.produce(partition, 'warm');
  const values = Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(index * 100)}`);
  await using producer = await BareProducer.connect(proxy.bootstrap, topic);

  const reports = await Promise.all(values.map((value, index) => producer.produce(index % 3, value)));

  expect(reports.every((report) => report.error === undefined && report.offset >= 0)).toBe(true);
  for (const partition of [0, 1, 2]) {
    const sent = ['warm', ...values.filter((_, index) => index % 3 === partition)];
    expect(await readAll(proxy.bootstrap, topic, partition)).toEqual(sent);
    expect(await readAll(direct, topic, partition)).toEqual(sent);
  }
});

test('the proxy refuses, drops, delays and cuts exactly the requests it was told to', async () => {
  await using proxy = await startKafkaProxy(direct);
  const topic = `proxied-${randomUUID()}`;
  await createTopic(direct, topic, 1);
  await using producer = await BareProducer.connect(proxy.bootstrap, topic, {
    'max.in.flight': 1,
    'linger.ms': 0,
    'socket.timeout.ms': 1_000,
  });
  const isOurs = (request: { readonly batches: readonly { readonly topic: string }[] }) =>
    request.batches.some((batch) => batch.topic === topic);
  await producer.produce(0, 'warm');

  for (const action of [
    { kind: 'refuse', errorCode: 7 },
    { kind: 'drop-response' },
    { kind: 'cut-after' },
    { kind: 'cut' },
    { kind: 'delay', delayMs: 300 },
    { kind: 'delay-response', delayMs: 300 },
  ] as const) {
    const fault = proxy.inject({ api: 'produce', when: isOurs, action });
    const report = await producer.produce(0, action.kind);
    expect(report, action.kind).toEqual({ value: action.kind, offset: expect.any(Number), error: undefined });
    expect(fault.hits.map((hit) => hit.batches.map((batch) => batch.topic))).toEqual([[topic]]);
  }

  expect(await readAll(direct, topic, 0)).toEqual([
    'warm',
    'refuse',
    'drop-response',
    'cut-after',
    'cut',
    'delay',
    'delay-response',
  ]);
});
