import { expect, it } from 'vitest';
import { ManualClock } from '../../src/clock/manual-clock.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { IncomingRecord } from '../../src/kafka/port.ts';
import { encodeMetadata } from '../../src/worker/core/commit-metadata.ts';
import { type EngineMutant, engineFault } from './engine-mutants.ts';

const time = new ManualClock();
const place = (key: string, offset: number) => ({ id: `${offset}`, key, partition: 0, offset, epoch: 1 });

interface Bench {
  readonly cluster: MemoryCluster;
  readonly driver: KafkaDriver;
  readonly fault: ReturnType<typeof engineFault>;
}

function benchOf(mutant: EngineMutant): Bench {
  const cluster = new MemoryCluster();
  cluster.createTopic('q', { partitions: 1 });
  const fault = engineFault(mutant, 'q');
  return { cluster, driver: fault.driver(memoryDriver(cluster)), fault };
}

/** Whether it has resolved by now. */
async function isOver(promise: Promise<void>): Promise<boolean> {
  let over = false;
  void promise.then(() => {
    over = true;
  });
  await time.advance(0);
  return over;
}

it('a task that a commit passes too early is not finished before that is acknowledged, however late', async () => {
  const { cluster, driver, fault } = benchOf('commit-plus-one');
  const membership = driver.membership({
    group: 'g',
    topics: ['q'],
    protocol: 'consumer',
    sessionTimeoutMs: 6_000,
    maxPollIntervalMs: 60_000,
    staticMemberId: undefined,
    rackId: undefined,
  });
  await membership.join(() => undefined);
  await time.advance(0);
  // Nothing can be said yet of what lies beyond the first one, and the second one finishes as ever.
  expect(await isOver(fault.mayEnd(place('b', 1)))).toBe(true);
  fault.ended(place('b', 1), 'finished');
  const first = fault.mayEnd(place('a', 0));
  const hold = cluster.faults.holdCommitAck();
  const state = { frontier: 0, epoch: 1, clean: false, statePin: '', doneBelow: 2, horizon: 2 };
  const lane = { hash: '0123456789', offset: 0, attempts: 0, firstFailedAtMs: undefined, starts: 0 };
  const { text } = encodeMetadata({ ...state, lanes: [lane] });
  const committed = membership.commit([{ topic: 'q', partition: 0, offset: 0, metadata: text }]);
  await hold.reached;
  expect(await isOver(first)).toBe(false);
  hold.release();
  await committed;
  expect(cluster.committed('g', { topic: 'q', partition: 0 })?.offset).toBe(1);
  expect(await isOver(first)).toBe(true);
});

it('two records of a key change places also when they come one by one, and what is between them keeps its own', async () => {
  const { driver } = benchOf('swap-two');
  const appender = await driver.appender();
  const reader = await driver.reader({ name: 'r', prefetchBytes: 1_000 });
  await reader.assign([{ topic: 'q', partition: 0, offset: 0 }]);
  const read: IncomingRecord[] = [];
  for (const text of ['a0', 'b0', 'a1', 'a2', 'b1']) {
    const record = { key: Buffer.from(text.slice(0, 1)), value: Buffer.from(text), headers: [] };
    await appender.append({ topic: 'q', partition: 0, records: [record] });
    await time.advance(0);
    read.push(...(await reader.poll(10)));
  }
  expect(read.map(({ value, offset }) => `${value?.toString()} at ${offset}`)).toEqual([
    'a1 at 0',
    'b0 at 1',
    'a0 at 2',
    'a2 at 3',
    'b1 at 4',
  ]);
});

it('no task ends before two of a key run at once', async () => {
  const { fault } = benchOf('two-at-once');
  const ends = ['a', 'b'].map((key, offset) => {
    fault.started(place(key, offset));
    return fault.mayEnd(place(key, offset));
  });
  expect(await Promise.all(ends.map(isOver))).toEqual([false, false]);
  fault.started(place('b', 2));
  expect(await Promise.all(ends.map(isOver))).toEqual([true, true]);
});
