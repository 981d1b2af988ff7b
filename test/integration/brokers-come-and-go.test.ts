import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { askForMetadata } from '../support/kafka/ask-broker.ts';
import { startKafka } from '../support/kafka/cluster.ts';

test('a broker is killed, paused, stopped and started again, and the cluster says when it is whole', async () => {
  await using cluster = await startKafka({ brokerConfig: { 'broker.session.timeout.ms': '3000' } });
  const [first, second, third] = cluster.brokers;
  if (first === undefined || second === undefined || third === undefined)
    throw new Error('three brokers expected');
  const seenByFirst = async () => {
    const { brokers } = await askForMetadata(first.address, 2_000);
    return brokers.map((broker) => broker.id).toSorted((a, b) => a - b);
  };

  await second.kill();
  expect(second.isRunning).toBe(false);
  await expect(askForMetadata(second.address, 2_000)).rejects.toThrow('ECONNREFUSED');
  await expect.poll(seenByFirst, { timeout: 20_000 }).toEqual([1, 3]);
  await cluster.untilReady();
  await second.start();
  await cluster.untilReady();
  expect(await seenByFirst()).toEqual([1, 2, 3]);

  await third.pause();
  await expect(askForMetadata(third.address, 500)).rejects.toThrow('no answer');
  third.resume();
  await cluster.untilReady();

  await third.stop();
  await expect.poll(seenByFirst, { timeout: 20_000 }).toEqual([1, 2]);
  await third.start();
  await cluster.untilReady();

  const folder = cluster.logFolder;
  await cluster.stop();
  await expect(askForMetadata(first.address, 2_000)).rejects.toThrow('ECONNREFUSED');
  expect(() => readdirSync(folder)).toThrow('ENOENT');
});
