import { setTimeout as wait } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { GroupProtocol } from '../../src/kafka/port.ts';
import { record, World } from './confluent-world.ts';

const HELD_MS = 5_000;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const protocols: readonly GroupProtocol[] = ['classic', 'consumer'];

test.each(protocols)(
  'a revoke held open stops neither commits nor reading, and moves nothing (%s)',
  async (protocol) => {
    await using world = await World.open(8);
    const appender = await world.appender();
    const reader = await world.reader();
    await reader.assign(world.partitions(...numbers(8)).map((one) => ({ ...one, offset: 0 })));
    // In records that were acknowledged meanwhile, 50 a second: a machine that stands still, or whose brokers do, has none.
    let sent = 0;
    let next = 0;
    let latest = 0;
    let longestGap = 0;
    let polling = false;
    let isOver = false;
    const failures: unknown[] = [];
    reader.onReadable(() => {
      if (polling) return;
      polling = true;
      const polled = reader.poll(100).then((records) => {
        polling = false;
        if (records.length === 0) return;
        longestGap = Math.max(longestGap, next - latest);
        latest = next;
      });
      polled.catch((error: unknown) => {
        if (!isOver) failures.push(error); // else it was closed with the world
      });
    });
    const producing = setInterval(() => {
      sent += 1;
      const appended = appender.append({ topic: world.topic, partition: sent % 8, records: [record('x')] });
      appended.then(
        () => {
          next += 1;
        },
        (error: unknown) => {
          if (!isOver) failures.push(error); // else it was closed with the world
        },
      );
    }, 20);

    const first = world.member({ protocol });
    await first.join();
    await first.until(({ owned }) => owned.length === 8);
    const kept: string[] = [];
    first.onRevoked = async ({ partitions, answer }) => {
      const answerAtMs = performance.now() + HELD_MS;
      while (performance.now() < answerAtMs) {
        const commits = world
          .partitions(...numbers(8))
          .map((one) => ({ ...one, offset: 1, metadata: 'held' }));
        for (const { failure } of await first.membership.commit(commits)) kept.push(failure?.kind ?? 'acked');
        await wait(250);
      }
      expect(second.owned).toEqual([]);
      await first.membership.commit(partitions.map((one) => ({ ...one, offset: 3, metadata: 'final' })));
      answer();
    };
    const second = world.member({ protocol });
    await second.join();
    latest = next;
    longestGap = 0;
    const before = next;
    await second.until(({ owned }) => owned.length === 4);
    clearInterval(producing);
    longestGap = Math.max(longestGap, next - latest);
    isOver = true;

    expect(failures).toEqual([]);
    expect(new Set(kept)).toEqual(new Set(['acked']));
    expect(next - before).toBeGreaterThan(75);
    expect(longestGap).toBeLessThan(75);
    expect([...first.owned, ...second.owned].toSorted((a, b) => a - b)).toEqual(numbers(8));
    const handed = await second.membership.committed(world.partitions(...second.owned));
    expect(handed.every(({ offset, metadata }) => offset === 3 && metadata === 'final')).toBe(true);
  },
);

test.each(protocols)(
  'a member that leaves may still commit, and the other one gets everything (%s)',
  async (protocol) => {
    await using world = await World.open(4);
    const first = world.member({ protocol });
    await first.join();
    await first.until(({ owned }) => owned.length === 4);
    const second = world.member({ protocol });
    await second.join();
    await second.until(({ owned }) => owned.length === 2);
    let outcomes: unknown;
    first.onRevoked = async ({ partitions, answer }) => {
      await wait(500);
      outcomes = await first.membership.commit(
        partitions.map((one) => ({ ...one, offset: 9, metadata: 'bye' })),
      );
      answer();
    };
    const left = first.owned;
    await first.membership.leave();
    expect(outcomes).toEqual(
      expect.arrayContaining(world.partitions(...left).map((one) => ({ ...one, failure: undefined }))),
    );
    await second.until(({ owned }) => owned.length === 4);
    const handed = await second.membership.committed(world.partitions(...left));
    expect(handed.map(({ offset, metadata }) => [offset, metadata])).toEqual(left.map(() => [9, 'bye']));
  },
);

test.each(protocols)(
  'a member that leaves while a revoke is open ends with its answer (%s)',
  async (protocol) => {
    await using world = await World.open(4);
    const first = world.member({ protocol });
    await first.join();
    await first.until(({ owned }) => owned.length === 4);
    const second = world.member({ protocol });
    const revoked = new Promise<() => void>((resolve) => {
      first.onRevoked = ({ answer }) => {
        first.onRevoked = (event) => event.answer();
        resolve(answer);
      };
    });
    await second.join();
    const answer = await revoked;
    const leaving = first.membership.leave();
    await wait(500);
    const answeredAtMs = performance.now();
    answer();
    await leaving;
    // librdkafka's own disconnect would hang if it unsubscribed before; it is given up after ten seconds.
    expect(performance.now() - answeredAtMs).toBeLessThan(8_000);
    await second.until(({ owned }) => owned.length === 4);
  },
);

test.each(protocols)('abandoning does not wait for an open revoke (%s)', async (protocol) => {
  await using world = await World.open(2);
  const first = world.member({ protocol });
  await first.join();
  await first.until(({ owned }) => owned.length === 2);
  let late: (() => void) | undefined;
  first.onRevoked = ({ answer }) => {
    late = answer;
  };
  const second = world.member({ protocol });
  await second.join();
  await first.until(({ events }) => events.some(({ kind }) => kind === 'revoked'));
  await first.membership.abandon();
  late?.();
  const [outcome] = await first.membership.commit([
    { topic: world.topic, partition: 0, offset: 1, metadata: '' },
  ]);
  expect(outcome?.failure?.kind).toBe('closed');
  await second.until(({ owned }) => owned.length === 2);
});

test.each(protocols)(
  'a process that stood still too long learns that its partitions are lost (%s)',
  async (protocol) => {
    await using world = await World.open(2);
    const options = { protocol, sessionTimeoutMs: 6_000, maxPollIntervalMs: 6_000 };
    const member = world.member(options);
    await member.join();
    await member.until(({ owned }) => owned.length === 2);
    const standsStill = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(standsStill, 0, 0, 9_000);
    await member.until(({ events }) => events.some(({ kind }) => kind === 'lost'));
    // It joins again by itself.
    await member.until(({ owned }) => owned.length === 2);
  },
);
