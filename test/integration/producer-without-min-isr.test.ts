import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startKafka } from '../support/kafka/cluster.ts';
import { ProducerRig } from '../support/producer-rig.ts';

/** Tasks acked by both replicas may be told a moment after one of them died. */
const LAST_ANSWERS_MS = 3_000;

it('with two of three brokers gone nothing is confirmed, callers learn it in time, and it recovers by itself', async () => {
  await using cluster = await startKafka();
  await using rig = await ProducerRig.open(cluster.bootstrap.split(','), {
    partitions: 6,
    producer: { deliveryTimeoutMs: 5_000 },
  });
  let stopped = false;
  const loading = rig.load(() => stopped);
  await expect.poll(() => rig.sent.length, { timeout: 60_000 }).toBeGreaterThan(1_000);

  const [, second, third] = cluster.brokers;
  await Promise.all([second?.kill(), third?.kill()]);
  const goneAtMs = performance.now();
  await wait(12_000);
  const backAtMs = performance.now();
  await Promise.all([second?.start(), third?.start()]);
  await cluster.untilReady(120_000);
  const recoveredAtMs = performance.now();
  const confirmedSince = (): number =>
    rig.sent.filter(({ told, toldAtMs }) => told?.kind === 'appended' && toldAtMs > recoveredAtMs).length;
  await expect.poll(confirmedSince, { timeout: 60_000 }).toBeGreaterThan(200);
  stopped = true;
  await loading;

  const meanwhile = rig.sent.filter(
    ({ toldAtMs }) => toldAtMs > goneAtMs + LAST_ANSWERS_MS && toldAtMs < backAtMs,
  );
  const told = new Set(meanwhile.map((task) => task.told?.kind));
  expect(told).toEqual(new Set(['unknown', 'absent']));
  expect(await rig.disagreements()).toEqual([]);
});
