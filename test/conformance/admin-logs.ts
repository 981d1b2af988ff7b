import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { toldOf } from '../../src/kafka/told.ts';
import type { Subject } from './port-conformance.ts';
import { type Bench, numbered, PARTITIONS, recordOf } from './port-under-test.ts';

const unknown = { kind: 'unknown-topic', code: 3 };
const unsupported = { code: 'KAFKA_UNSUPPORTED', failure: { kind: 'unsupported' } };

/** What an admin does in logs and reads of groups without being in them. */
export function describeAdminOfLogs(subject: Subject): void {
  if (subject.can.logAdmin) {
    describe('the admin of logs', () => {
      describeDeleting(subject);
      describeLeaders(subject);
      describeTimes(subject);
      describeCommitted(subject);
      describeSizes(subject);
    });
    return;
  }
  it('says that logs and commits are not to be reached by the admin', async (t) => {
    const b = subject.bench(t);
    const admin = await b.admin();
    const place = { topic: await b.topic(), partition: 0 };
    await b.append(place, ['v']);
    await expect(admin.leaderEnds([{ ...place, leaderEpoch: 0 }])).rejects.toMatchObject(unsupported);
    await expect(admin.deleteRecords([{ ...place, offset: 1 }])).rejects.toMatchObject(unsupported);
    await expect(admin.offsetsForTime([place], 0)).rejects.toMatchObject(unsupported);
    await expect(admin.committedOffsets('group', [place])).rejects.toMatchObject(unsupported);
    await expect(admin.logSizes([place])).rejects.toMatchObject(unsupported);
    expect(await admin.logEnds([place])).toEqual([{ ...place, start: 0, end: 1 }]);
  });
}

function describeDeleting({ bench }: Subject): void {
  it('deletes records below an offset for all who read, and again changes nothing', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const admin = await b.admin();
    await b.append({ topic, partition: 1 }, numbered('v', 5));
    const done = (logStart: number) => [{ topic, partition: 1, logStart, failure: undefined }];
    expect(await admin.deleteRecords([{ topic, partition: 1, offset: 3 }])).toEqual(done(3));
    expect(await admin.logEnds([{ topic, partition: 1 }])).toEqual([
      { topic, partition: 1, start: 3, end: 5 },
    ]);
    expect(await admin.deleteRecords([{ topic, partition: 1, offset: 3 }])).toEqual(done(3));
    expect(await admin.deleteRecords([{ topic, partition: 1, offset: 1 }])).toEqual(done(3));
    expect(await admin.deleteRecords([{ topic, partition: 1, offset: 5 }])).toEqual(done(5));
    await b.append({ topic, partition: 1 }, ['w']);
    const reader = await b.reader();
    await reader.assign([{ topic, partition: 1, offset: 5 }]);
    const [next] = await b.readRecords(reader, 1);
    expect(next).toMatchObject({ offset: 5, value: Buffer.from('w') });
  });

  it('says of each partition by itself what became of it', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const other = await b.topic();
    const missing = `missing-${randomUUID()}`;
    const admin = await b.admin();
    await b.append({ topic, partition: 0 }, numbered('v', 2));
    await b.append({ topic, partition: 3 }, numbered('v', 2));
    await b.append({ topic: other, partition: 2 }, numbered('v', 2));
    const outcomes = await admin.deleteRecords([
      { topic: missing, partition: 0, offset: 0 },
      { topic, partition: 3, offset: 1 },
      { topic, partition: 99, offset: 0 },
      { topic: other, partition: 2, offset: 2 },
      // One beyond the end; and -1, which to a broker means everything there is.
      { topic, partition: 0, offset: 3 },
      { topic: other, partition: 0, offset: -1 },
    ]);
    const failed = (kind: string, code: number) => ({ logStart: undefined, failure: { kind, code } });
    expect(outcomes).toMatchObject([
      { topic: missing, partition: 0, ...failed('unknown-topic', 3) },
      { topic, partition: 3, logStart: 1, failure: undefined },
      { topic, partition: 99, ...failed('unknown-topic', 3) },
      { topic: other, partition: 2, logStart: 2, failure: undefined },
      { topic, partition: 0, ...failed('other', 1) },
      { topic: other, partition: 0, ...failed('other', 1) },
    ]);
    const [kept] = await admin.logEnds([{ topic, partition: 0 }]);
    expect(kept).toMatchObject({ start: 0, end: 2 });
    expect(await admin.deleteRecords([])).toEqual([]);
  });

  it('asks before it sends, and deletes nothing that may not go', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const admin = await b.admin();
    for (const partition of [0, 1, 2]) await b.append({ topic, partition }, numbered('v', 2));
    const positions = [0, 1, 2].map((partition) => ({ topic, partition, offset: 1 }));
    expect(await admin.deleteRecords(positions, ({ partition }) => partition === 1)).toEqual([
      { topic, partition: 0, logStart: undefined, failure: undefined },
      { topic, partition: 1, logStart: 1, failure: undefined },
      { topic, partition: 2, logStart: undefined, failure: undefined },
    ]);
    const ends = await admin.logEnds(positions.map(({ partition }) => ({ topic, partition })));
    expect(ends.map(({ start }) => start)).toEqual([0, 1, 0]);
  });

  it('does not delete where compaction keeps the records', async (t) => {
    const b = bench(t);
    const admin = await b.admin();
    const topic = `conformance-${randomUUID()}`;
    const configs = { 'cleanup.policy': 'compact' };
    await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 3, configs }]);
    let outcomes: Awaited<ReturnType<typeof admin.deleteRecords>> = [];
    await b.until(async () => {
      outcomes = await admin.deleteRecords([{ topic, partition: 0, offset: 0 }]);
      // The broker has not yet heard that it leads what was just made.
      return outcomes.every(({ failure }) => failure?.kind !== 'transient');
    }, 'the partition had a leader');
    expect(outcomes).toMatchObject([
      { topic, partition: 0, logStart: undefined, failure: { kind: 'other', code: 44 } },
    ]);
  });
}

function describeLeaders({ bench }: Subject): void {
  it('says who appended a record, and how much of a leader is left', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const admin = await b.admin();
    const place = { topic, partition: 1 };
    await b.append(place, numbered('v', 3));
    const reader = await b.reader();
    await reader.assign([{ ...place, offset: 0 }]);
    const [first] = await b.readRecords(reader, 3);
    const leaderEpoch = first?.leaderEpoch ?? -1;
    expect(leaderEpoch).toBeGreaterThanOrEqual(0);
    const endOf = (epoch: number) => admin.leaderEnds([{ ...place, leaderEpoch: epoch }]);
    const present = { ...place, leaderEpoch, presentEpoch: leaderEpoch };
    expect(await endOf(leaderEpoch)).toEqual([{ ...present, end: 3 }]);
    const later = leaderEpoch + 1;
    expect(await endOf(later)).toEqual([{ ...present, leaderEpoch: later, end: undefined }]);
    await admin.deleteRecords([{ ...place, offset: 3 }]);
    expect(await endOf(leaderEpoch)).toEqual([{ ...present, end: 3 }]);
    const both = [
      { topic, partition: 0, leaderEpoch: 0 },
      { topic, partition: 1, leaderEpoch },
    ];
    expect(await admin.leaderEnds(both)).toMatchObject([{ end: 0 }, { end: 3 }]);
    expect(await admin.leaderEnds([])).toEqual([]);
    const missing = { topic: `missing-${randomUUID()}`, partition: 0, leaderEpoch: 0 };
    const mixed = [missing, { ...place, leaderEpoch }, { topic, partition: 99, leaderEpoch: 0 }];
    expect(await admin.leaderEnds(mixed)).toMatchObject([
      { topic: missing.topic, partition: 0, failure: unknown },
      { ...present, end: 3 },
      { topic, partition: 99, failure: unknown },
    ]);
  });
}

/** A topic whose brokers stamp what they append. */
async function stampedTopic(b: Bench): Promise<string> {
  const name = `conformance-${randomUUID()}`;
  const configs = { 'message.timestamp.type': 'LogAppendTime' };
  const admin = await b.admin();
  await admin.createTopics([{ name, partitions: PARTITIONS, replicationFactor: 3, configs }]);
  return name;
}

function describeTimes({ bench }: Subject): void {
  it('finds the first record that is not older than a time', async (t) => {
    const b = bench(t);
    const topic = await stampedTopic(b);
    const place = { topic, partition: 2 };
    const admin = await b.admin();
    const found = async (timeMs: number) => toldOf(await admin.offsetsForTime([place], timeMs))[0]?.offset;
    expect(await found(0)).toBeUndefined();

    const appender = await b.appender();
    for (const value of ['a', 'b', 'c']) {
      await b.append(place, [value], appender);
      await b.port.pass(10);
    }
    const reader = await b.reader();
    await reader.assign([{ ...place, offset: 0 }]);
    const times = (await b.readRecords(reader, 3)).map(({ timestampMs }) => timestampMs);
    const [first = 0, second = 0, third = 0] = times;
    expect(first).toBeLessThan(second);
    expect(second).toBeLessThan(third);

    // Older than all there is; exactly at a record; between two; and younger than all.
    expect(await found(-1)).toBe(0);
    expect(await found(0)).toBe(0);
    expect(await found(first - 1)).toBe(0);
    expect(await found(first)).toBe(0);
    expect(await found(first + 0.5)).toBe(1);
    expect(await found(second - 1)).toBe(1);
    expect(await found(second)).toBe(1);
    expect(await found(second + 1)).toBe(2);
    expect(await found(third)).toBe(2);
    expect(await found(third + 1)).toBeUndefined();

    // What was deleted is not found any more.
    await admin.deleteRecords([{ ...place, offset: 2 }]);
    expect(await found(0)).toBe(2);
    expect(await found(first)).toBe(2);
    expect(await found(third)).toBe(2);
    await admin.deleteRecords([{ ...place, offset: 3 }]);
    expect(await found(0)).toBeUndefined();
  });

  it('answers for many partitions in the order they were asked for, and says which do not exist', async (t) => {
    const b = bench(t);
    const topic = await stampedTopic(b);
    const other = await stampedTopic(b);
    const admin = await b.admin();
    await b.append({ topic, partition: 3 }, numbered('v', 2));
    await b.append({ topic: other, partition: 0 }, numbered('v', 3));
    await admin.deleteRecords([{ topic: other, partition: 0, offset: 1 }]);
    expect(
      await admin.offsetsForTime(
        [
          { topic: other, partition: 0 },
          { topic, partition: 0 },
          { topic, partition: 3 },
        ],
        0,
      ),
    ).toEqual([
      { topic: other, partition: 0, offset: 1 },
      { topic, partition: 0, offset: undefined },
      { topic, partition: 3, offset: 0 },
    ]);
    expect(await admin.offsetsForTime([], 0)).toEqual([]);
    const missing = { topic: `missing-${randomUUID()}`, partition: 0 };
    const mixed = [{ topic, partition: 99 }, { topic, partition: 3 }, missing];
    expect(await admin.offsetsForTime(mixed, 0)).toMatchObject([
      { topic, partition: 99, failure: unknown },
      { topic, partition: 3, offset: 0 },
      { ...missing, failure: unknown },
    ]);
  });
}

function describeCommitted({ bench }: Subject): void {
  it.for(['classic', 'consumer'] as const)(
    'reads what a %s group has committed, with members and without',
    async (protocol, t) => {
      const b = bench(t);
      const topic = await b.topic();
      const admin = await b.admin();
      const group = `group-${randomUUID()}`;
      const member = await b.joinedMember({ group, topics: [topic], protocol });
      await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
      const outcomes = await member.membership.commit([
        { topic, partition: 0, offset: 0, metadata: '' },
        { topic, partition: 2, offset: 7, metadata: 'as far as this ✓' },
      ]);
      expect(outcomes.map(({ failure }) => failure)).toEqual([undefined, undefined]);
      const asked = [2, 0, 1].map((partition) => ({ topic, partition }));
      const expected = [
        { topic, partition: 2, offset: 7, metadata: 'as far as this ✓' },
        { topic, partition: 0, offset: 0, metadata: '' },
        { topic, partition: 1, offset: undefined, metadata: '' },
      ];
      expect(await admin.committedOffsets(group, asked)).toEqual(expected);
      await member.membership.leave();
      expect(await admin.committedOffsets(group, asked)).toEqual(expected);
    },
  );

  it('finds nothing committed by a group that does not exist, nor for a partition that does not', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const admin = await b.admin();
    const missing = `missing-${randomUUID()}`;
    const asked = [
      { topic, partition: 0 },
      { topic, partition: 99 },
      { topic: missing, partition: 0 },
    ];
    const none = { offset: undefined, metadata: '' };
    expect(await admin.committedOffsets(`group-${randomUUID()}`, asked)).toEqual(
      asked.map((place) => ({ ...place, ...none })),
    );
    expect(await admin.committedOffsets('group', [])).toEqual([]);
  });
}

function describeSizes({ bench }: Subject): void {
  it('tells how many bytes one replica of a log has', async (t) => {
    const b = bench(t);
    const topic = await b.topic();
    const other = await b.topic();
    const admin = await b.admin();
    const appender = await b.appender();
    const records = [recordOf(randomBytes(50_000))];
    await appender.append({ topic, partition: 1, records });
    const asked = [
      { topic, partition: 1 },
      { topic: other, partition: 1 },
    ];
    const sizes = await admin.logSizes(asked);
    expect([...sizes.keys()].sort()).toEqual([`${topic}/1`, `${other}/1`].sort());
    expect(sizes.get(`${topic}/1`)).toBeGreaterThanOrEqual(50_000);
    expect(sizes.get(`${topic}/1`)).toBeLessThan(60_000);
    expect(sizes.get(`${other}/1`)).toBe(0);
    expect(await admin.logSizes([])).toEqual(new Map());
    await expect(admin.logSizes([{ topic, partition: 99 }])).rejects.toMatchObject({
      failure: { kind: 'unknown-topic', code: 3 },
    });
  });
}
