import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { BareProducer, createTopic, readAll } from '../support/bare-client.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { startKafkaProxy } from '../support/kafka-proxy/proxy.ts';

const direct = kafkaBrokers().join(',');

/** Kafka: NOT_LEADER_OR_FOLLOWER and REQUEST_TIMED_OUT, which pass by themselves and are retried. */
const TRANSIENT = [6, 7];

test.each(TRANSIENT)(
  'the bare idempotent client acks a record that is not in the log when its first batch meets error %i',
  async (errorCode) => {
    await using proxy = await startKafkaProxy(direct);
    const topic = `first-batch-${randomUUID()}`;
    await createTopic(direct, topic, 1);
    // By another producer, so that the topic is known to its leader and refuses nothing by itself.
    await using other = await BareProducer.connect(direct, topic);
    await other.produce(0, 'warm');
    await using producer = await BareProducer.connect(proxy.bootstrap, topic, {
      'max.in.flight': 5,
      'linger.ms': 0,
      'batch.num.messages': 1,
    });
    const fault = proxy.inject({
      api: 'produce',
      when: ({ batches }) => batches.some((batch) => batch.topic === topic && batch.baseSequence === 0),
      // The refusal comes when B to E are under way, before any of them is acked: the order in which the loss happens.
      action: { kind: 'refuse', errorCode, after: { requests: 4, orMs: 30_000 } },
    });

    const reports = await Promise.all(['A', 'B', 'C', 'D', 'E'].map((value) => producer.produce(0, value)));

    expect(fault.hits).toHaveLength(1);
    expect(reports.map((report) => report.error)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(reports[0]?.offset).toBe(-1001);
    expect(await readAll(direct, topic, 0)).toEqual(['warm', 'B', 'C', 'D', 'E']);
  },
);
