import { expect, it } from 'vitest';
import { foldJournal, type JournalEntry, type WrittenEntry } from '../journal/journal.ts';
import type { Admin, PastLeader } from '../kafka/admin.ts';
import type { Membership } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { encodeMetadata } from './core/commit-metadata.ts';
import { PartitionState } from './core/partition-state.ts';
import type { StateJournal } from './journal/state-journal.ts';
import { PartitionIo } from './partition-io.ts';

const unsupported = { kind: 'unsupported', code: undefined, message: 'not here' } as const;
const noLeader = { kind: 'transient', code: 5, message: 'no leader' } as const;

/** A group whose state topic has one partition, and a partition that a worker is about to take. */
class Rig {
  readonly entries: WrittenEntry[] = [];
  readonly partition = new PartitionState(5);
  /** Happens while the group's offset is read. */
  onCommittedRead = (): void => {};
  /** What the group has committed, and where the queue's log begins and ends: the former is answered after so long. */
  committed = 4;
  committedRead: Promise<void> = Promise.resolve();
  log = { start: 2, end: 9 };
  /** Happens before the log's ends are told. */
  onEndsAsked = (): void => {};
  queueId = 'Q';
  committedCount = 0;
  /** Where the state topic is told to end, if not where it does. */
  stateEnd: number | undefined;
  /** A topic that the broker does not know of. */
  unheardOf: string | undefined;
  /** State partitions whose end was asked for. */
  readonly endsAsked: number[] = [];
  /** Kafka's id of the state topic. */
  stateId = '';
  /** What reading the journal anew comes to, the next time first. */
  readonly startsOver: (() => Promise<void>)[] = [];
  startOverCount = 0;
  readonly io: PartitionIo;
  /** Where leaders ended, by their epochs; and what was asked. */
  leaderEnds: ReadonlyMap<number, number> | undefined = new Map();
  readonly leadersAsked: number[] = [];
  onLeadersAsked = (): void => {};
  /** The queue's partition has no leader. */
  leaderless = false;
  metadata = 'm';

  constructor() {
    this.partition.epoch = this.write({ kind: 'claim', group: 'g', partition: 5, by: 'w' });
    const journal = {
      append: async (entry: JournalEntry) => this.write(entry),
      statePartition: () => 0,
      historyUpTo: async (_partition: number, offset: number) =>
        foldJournal(this.entries.filter((entry) => entry.offset <= offset)),
      startOver: async () => {
        this.startOverCount += 1;
        await this.startsOver.shift()?.();
      },
    };
    const admin = {
      describeTopics: async () =>
        new Map(
          [['q', { id: this.queueId }] as const, ['q.state', { id: this.stateId }] as const].filter(
            ([name]) => name !== this.unheardOf,
          ),
        ),
      logEnds: async (places: readonly { topic: string; partition: number }[]) =>
        places.map(({ topic, partition }) => {
          if (topic !== 'q.state') {
            this.onEndsAsked();
            return { topic, partition, ...this.log };
          }
          this.endsAsked.push(partition);
          return { topic, partition, start: 0, end: this.stateEnd ?? this.entries.length };
        }),
      eachLogEnds: async (places: readonly { topic: string; partition: number }[]) =>
        places.map(({ topic, partition }) => ({
          topic,
          partition,
          ...(this.leaderless ? { failure: noLeader } : { start: 2, end: 9 }),
        })),
      leaderEnds: async (leaders: readonly PastLeader[]) => {
        this.leadersAsked.push(...leaders.map(({ leaderEpoch }) => leaderEpoch));
        this.onLeadersAsked();
        const { leaderEnds: ends } = this;
        if (this.leaderless)
          return leaders.map(({ topic, partition }) => ({ topic, partition, failure: noLeader }));
        if (ends === undefined) throw new KafkaRequestError('Cannot ask', unsupported);
        return leaders.map((one) => ({ ...one, presentEpoch: 9, end: ends.get(one.leaderEpoch) }));
      },
    };
    const membership = {
      committed: async () => {
        this.onCommittedRead();
        this.committedCount += 1;
        await this.committedRead;
        return [{ topic: 'q', partition: 5, offset: this.committed, metadata: this.metadata }];
      },
    };
    this.io = new PartitionIo({
      group: 'g',
      topic: 'q',
      stateTopic: 'q.state',
      workerName: 'w',
      // Nothing else of these three is used.
      journal: journal as unknown as StateJournal,
      admin: async () => admin as unknown as Admin,
      membership: membership as unknown as Membership,
    });
  }

  write(entry: JournalEntry): number {
    this.entries.push({ ...entry, offset: this.entries.length });
    return this.entries.length - 1;
  }
}

it('finds what decides where a partition starts', async () => {
  const { io, partition } = new Rig();
  const found = await io.inspect([partition]);
  expect(found.get(partition)).toMatchObject({
    epoch: 0,
    committed: { offset: 4, metadata: 'm' },
    history: { claims: new Set([0]) },
    lastWord: -1,
    logStart: 2,
    logEnd: 9,
    topicId: 'Q',
    statePin: '',
  });
});

it('reads the journal to its end after the committed offset: the commit may speak of what was said last', async () => {
  const rig = new Rig();
  const former = rig.partition.epoch;
  rig.write({
    kind: 'confirm',
    group: 'g',
    partition: 5,
    epoch: former,
    frontier: 0,
    topicId: 'Q',
    reason: 'taken',
  });
  rig.partition.epoch = rig.write({ kind: 'claim', group: 'g', partition: 5, by: 'w' });
  rig.onCommittedRead = () =>
    void rig.write({ kind: 'progress', group: 'g', partition: 5, epoch: former, mark: 1, done: 3 });
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(found?.lastWord).toBe(3);
  expect(found?.history.lastWord).toBe(-1);
});

it('asks where the log ends after what is committed: a log that an old owner has gone on with is not cut off', async () => {
  const rig = new Rig();
  let answer = (): void => {};
  rig.committedRead = new Promise((resolve) => {
    answer = resolve;
  });
  const inspected = rig.io.inspect([rig.partition]);
  await expect.poll(() => rig.committedCount).toBe(1);
  // Tasks come and are finished, and that is what the group's coordinator tells.
  rig.log = { start: 2, end: 12 };
  rig.committed = 12;
  answer();
  expect((await inspected).get(rig.partition)).toMatchObject({ committed: { offset: 12 }, logEnd: 12 });
});

it('asks once more what is committed when the log begins behind it: what was deleted may have been finished since', async () => {
  const rig = new Rig();
  const moves = [7, 9];
  rig.onEndsAsked = () => {
    const to = moves.shift();
    if (to === undefined) return;
    rig.committed = to;
    rig.log = { start: to, end: 9 };
  };
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(found).toMatchObject({ committed: { offset: 9 }, logStart: 9 });
});

it('finds a log that begins behind what is committed, when that stays so', async () => {
  const rig = new Rig();
  rig.log = { start: 6, end: 9 };
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(found).toMatchObject({ committed: { offset: 4 }, logStart: 6 });
  expect(rig.committedCount).toBe(2);
});

it('takes the ends of a log that is made anew meanwhile for those of the new one', async () => {
  const rig = new Rig();
  rig.onEndsAsked = () => {
    rig.queueId = 'R';
    rig.log = { start: 0, end: 0 };
  };
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(found).toMatchObject({ topicId: 'R', logEnd: 0 });
});

it.each(['q', 'q.state'])('takes nothing while the broker does not know the topic %s', async (name) => {
  const rig = new Rig();
  await rig.io.inspect([rig.partition]);
  rig.unheardOf = name;
  await expect(rig.io.inspect([rig.partition])).rejects.toThrow(`does not know the topic '${name}'`);
  expect(rig.startOverCount).toBe(0);
});

it('does not believe that the state topic ends before the claim', async () => {
  const rig = new Rig();
  rig.partition.epoch = rig.write({ kind: 'claim', group: 'g', partition: 5, by: 'w' });
  rig.stateEnd = rig.partition.epoch;
  await expect(rig.io.inspect([rig.partition])).rejects.toThrow('ends before our claim');
});

it('asks once for the end of a part of the journal, however many partitions are taken', async () => {
  const rig = new Rig();
  rig.onCommittedRead = () => {};
  await rig.io.inspect([rig.partition, rig.partition]);
  expect(rig.endsAsked).toEqual([0]);
});

it('reads the journal of a state topic that was made anew until that has worked', async () => {
  const rig = new Rig();
  await rig.io.inspect([rig.partition]);
  rig.stateId = 'S2';
  rig.startsOver.push(() => Promise.reject(new Error('the reader is busy')));
  await expect(rig.io.inspect([rig.partition])).rejects.toThrow('busy');
  await expect(rig.io.inspect([rig.partition])).rejects.toThrow('made anew');
  await rig.io.inspect([rig.partition]);
  expect(rig.startOverCount).toBe(2);
});

it('reads it anew once, whoever notices', async () => {
  const rig = new Rig();
  await rig.io.inspect([rig.partition]);
  rig.stateId = 'S2';
  await Promise.allSettled([rig.io.inspect([rig.partition]), rig.io.look([rig.partition])]);
  expect(rig.startOverCount).toBe(1);
});

/** What leader 3 appended was finished by a commit, and what leader 2 did by the journal. */
function readBefore(): Rig {
  const rig = new Rig();
  const { epoch } = rig.partition;
  const place = { group: 'g', partition: 5 };
  const confirm = { kind: 'confirm', ...place, epoch, frontier: 3, topicId: 'Q', leaderEpoch: 2 } as const;
  rig.write({ ...confirm, reason: 'taken' });
  rig.partition.epoch = rig.write({ kind: 'claim', ...place, by: 'w' });
  const done = { frontier: 4, doneBelow: 4, horizon: 4, lanes: [], leaderEpoch: 3 };
  rig.metadata = encodeMetadata({ ...done, epoch, clean: true, statePin: '' }).text;
  return rig;
}

it('asks what is left of what the commit and the journal say was read', async () => {
  const rig = readBefore();
  rig.leaderEnds = new Map([[2, 3]]);
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(rig.leadersAsked).toEqual([3, 2]);
  // Of leader 3 it has never heard.
  expect(found?.leaderEnds).toEqual(
    new Map([
      [3, undefined],
      [2, 3],
    ]),
  );
});

it('goes on where brokers do not tell', async () => {
  const rig = readBefore();
  rig.leaderEnds = undefined;
  const found = (await rig.io.inspect([rig.partition])).get(rig.partition);
  expect(found?.leaderEnds).toEqual(new Map());
  rig.partition.logRead.begin({ leaderEpoch: 3, below: 4 });
  const seen = await rig.io.look([rig.partition]);
  expect(seen.get(rig.partition)?.left).toBeUndefined();
});

it('looks what is left of what was read, and says what it asked about', async () => {
  const rig = readBefore();
  rig.leaderEnds = new Map([[3, 4]]);
  rig.partition.logRead.begin({ leaderEpoch: 3, below: 4 });
  rig.onLeadersAsked = () => rig.partition.logRead.took(4, 3);
  const seen = (await rig.io.look([rig.partition])).get(rig.partition);
  expect(seen?.left).toEqual({ of: { leaderEpoch: 3, below: 4 }, presentEpoch: 9, end: 4 });
});

it('tells nothing of a partition without a leader: that is not the word of leaders that do not tell', async () => {
  const rig = readBefore();
  rig.partition.logRead.begin({ leaderEpoch: 3, below: 4 });
  rig.leaderless = true;
  expect(await rig.io.look([rig.partition])).toEqual(new Map());
  expect(await rig.io.logEnds([rig.partition])).toEqual([]);
  await expect(rig.io.inspect([rig.partition])).rejects.toMatchObject({ failure: { code: 5 } });
});

it('writes down whose records were read, with how far the partition has come', async () => {
  const rig = readBefore();
  rig.partition.logRead.begin({ leaderEpoch: 3, below: 4 });
  await rig.io.confirm(rig.partition, 4, 'periodic');
  expect(rig.entries.at(-1)).toMatchObject({ frontier: 4, leaderEpoch: 3 });
  await rig.io.confirm(rig.partition, 5, 'periodic');
  expect(rig.entries.at(-1)).not.toHaveProperty('leaderEpoch');
});
