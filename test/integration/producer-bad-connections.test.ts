import { expect, it } from 'vitest';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import type { FaultAction } from '../support/kafka-proxy/faults.ts';
import { startKafkaProxy } from '../support/kafka-proxy/proxy.ts';
import { ProducerRig } from '../support/producer-rig.ts';

const faults: Readonly<
  Record<string, { readonly action: FaultAction; readonly skip: number; readonly times: number }>
> = {
  'the first response lost with its connection': { action: { kind: 'cut-after' }, skip: 0, times: 1 },
  'a later response lost with its connection': { action: { kind: 'cut-after' }, skip: 4, times: 1 },
  'requests cut before they arrive': { action: { kind: 'cut' }, skip: 2, times: 3 },
  'a refusal in the middle': { action: { kind: 'refuse', errorCode: 6 }, skip: 5, times: 2 },
  'several refusals from the first batch on': {
    action: { kind: 'refuse', errorCode: 19 },
    skip: 0,
    times: 6,
  },
};

it.each(Object.keys(faults))('every task is in the log once and in order after %s', async (name) => {
  const plan = faults[name];
  if (plan === undefined) throw new Error(`no fault ${name}`);
  await using proxy = await startKafkaProxy(kafkaBrokers().join(','));
  await using rig = await ProducerRig.open(kafkaBrokers(), {
    partitions: 4,
    producerBrokers: proxy.bootstrap.split(','),
    // Small batches: many requests.
    producer: { maxBatchBytes: 16_000 },
  });
  const fault = proxy.inject({ api: 'produce', ...plan });
  await rig.load(() => rig.sent.length >= 1_000);
  expect(fault.hits).toHaveLength(plan.times);
  expect(await rig.disagreements()).toEqual([]);
  expect(new Set(rig.sent.map(({ told }) => told?.kind))).toEqual(new Set(['appended']));
});
