import { setTimeout as wait } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { startKafka } from '../support/kafka/cluster.ts';
import { ProducerRig } from '../support/producer-rig.ts';

it('a leader that is killed under load delays tasks; none is lost, doubled, reordered or refused', async () => {
  await using cluster = await startKafka();
  await using rig = await ProducerRig.open(cluster.bootstrap.split(','), { partitions: 12 });
  let stopped = false;
  const loading = rig.load(() => stopped);
  await expect.poll(() => rig.sent.length, { timeout: 60_000 }).toBeGreaterThan(2_000);

  const described = await rig.admin.describeTopics([rig.topic]);
  const leader = described.get(rig.topic)?.partitions[0]?.leader;
  const broker = cluster.brokers.find(({ id }) => id === leader);
  await broker?.kill();
  const killedAtMs = performance.now();
  const toldSince = (partition: number): number =>
    rig.sent.filter((task) => task.partition === partition && task.toldAtMs > killedAtMs).length;
  // Its partitions go on under another leader while it is away.
  await expect.poll(() => toldSince(0), { timeout: 60_000 }).toBeGreaterThan(20);
  await broker?.start();
  await cluster.untilReady(120_000);
  await wait(1_000);
  stopped = true;
  await loading;

  const refused = rig.sent.filter(({ told }) => told?.kind !== 'appended');
  expect(refused).toEqual([]);
  expect(await rig.disagreements()).toEqual([]);
});
