import { expect, it } from 'vitest';
import { BareProducer } from '../../bench/support/bare-producer.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import type { Fault, RefuseAfter } from '../support/kafka-proxy/faults.ts';
import { type KafkaProxy, startKafkaProxy } from '../support/kafka-proxy/proxy.ts';
import { ProducerRig } from '../support/producer-rig.ts';

// Kafka: NOT_LEADER_OR_FOLLOWER, REQUEST_TIMED_OUT, NOT_ENOUGH_REPLICAS.
const passingErrors = [6, 7, 19];

/** The first batch of a fresh producer into `topic` is refused and not appended; what follows is let through. */
function refuseFirstBatch(
  proxy: KafkaProxy,
  topic: string,
  refusal: { readonly errorCode: number; readonly after?: RefuseAfter },
): Fault {
  return proxy.inject({
    api: 'produce',
    when: ({ batches }) => batches.some((batch) => batch.topic === topic && batch.baseSequence === 0),
    action: { kind: 'refuse', ...refusal },
  });
}

it.each(passingErrors)(
  'a first batch refused with error %i is delivered by keylane all the same',
  async (errorCode) => {
    await using proxy = await startKafkaProxy(kafkaBrokers().join(','));
    await using rig = await ProducerRig.open(kafkaBrokers(), {
      partitions: 1,
      producerBrokers: proxy.bootstrap.split(','),
    });
    const fault = refuseFirstBatch(proxy, rig.topic, { errorCode });
    const sent = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => rig.send(key, 0)));
    expect(fault.hits).toHaveLength(1);
    expect(await rig.disagreements()).toEqual([]);
    expect(sent.map(({ told }) => told?.kind)).toEqual(sent.map(() => 'appended'));
    expect(await rig.log(0)).toEqual(['a:0', 'b:0', 'c:0', 'd:0', 'e:0']);
  },
);

it('the bare idempotent client acknowledges a record that is not in the log', async () => {
  await using proxy = await startKafkaProxy(kafkaBrokers().join(','));
  expect(await confirmedByBareClientAndMissing(proxy)).toEqual(['A']);
});

async function confirmedByBareClientAndMissing(proxy: KafkaProxy): Promise<readonly string[]> {
  await using rig = await ProducerRig.open(kafkaBrokers(), { partitions: 1 });
  // A batch for each record, so that several are under way at once, as in any busy producer.
  const settings = { lingerMs: 0, codec: 'none', batchCount: 1 } as const;
  // By another producer, so that the topic is known to its leader and refuses nothing by itself.
  const other = await BareProducer.connect(kafkaBrokers(), settings);
  await other.produce(rig.topic, 0, Buffer.from('warm'), Buffer.from('k'));
  await other.close();
  const bare = await BareProducer.connect(proxy.bootstrap.split(','), settings);
  // It hangs on the other batches being on their way when the first is refused.
  const after = { requests: 4, orMs: 30_000 };
  const fault = refuseFirstBatch(proxy, rig.topic, { errorCode: 19, after });
  const values = ['A', 'B', 'C', 'D', 'E'];
  const acks = values.map((value) => bare.produce(rig.topic, 0, Buffer.from(value), Buffer.from('k')));
  const results = await Promise.allSettled(acks);
  await bare.close();
  expect(fault.hits).toHaveLength(1);
  const log = await rig.log(0);
  return values.filter((value, index) => results[index]?.status === 'fulfilled' && !log.includes(value));
}
