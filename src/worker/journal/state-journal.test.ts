import { describe, expect, it } from 'vitest';
import type { Clock } from '../../clock/clock.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { JournalEntry } from '../../journal/journal.ts';
import { encodeEntry } from '../../journal/journal-entry.ts';
import type { IncomingRecord, Position, Reader } from '../../kafka/port.ts';
import { StateJournal } from './state-journal.ts';

/** The state topic's one partition. Its first assigns may be refused. */
class StateReader implements Reader {
  refusals = 0;
  readonly log: IncomingRecord[] = [];
  /** Partitions whose assign worked. */
  readonly assigned: number[] = [];
  #at: number | undefined;

  async assign(positions: readonly Position[]): Promise<void> {
    this.refusals -= 1;
    if (this.refusals >= 0) throw new Error('refused');
    this.#at = 0;
    this.assigned.push(...positions.map(({ partition }) => partition));
  }

  async unassign(): Promise<void> {}

  async pause(): Promise<void> {}

  async resume(): Promise<void> {}

  async poll(): Promise<readonly IncomingRecord[]> {
    if (this.#at === undefined) return [];
    const records = this.log.slice(this.#at);
    this.#at = this.log.length;
    return records;
  }

  readable: () => void = () => {};

  onReadable(listener: () => void): void {
    this.readable = listener;
  }

  push(entry: JournalEntry): void {
    const place = { topic: 'q.state', partition: 0, offset: this.log.length, timestampMs: 0 };
    this.log.push({ ...place, key: null, value: Buffer.from(encodeEntry(entry)), headers: [] });
  }

  onProblem(): void {}

  async close(): Promise<void> {}
}

function markOf(group: string, epoch: number, parkedFrom: number): JournalEntry {
  const about = { key: 'k', scope: 'key', from: 4, parkedFrom, type: '', id: '', reason: 'asked' } as const;
  return { kind: 'mark', group, partition: 3, epoch, ...about, error: '', atMs: 0, command: '' };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function journalOn(
  reader: StateReader,
  more: Partial<ConstructorParameters<typeof StateJournal>[0]> = {},
): StateJournal {
  return new StateJournal({
    group: 'g',
    topic: 'q.state',
    partitionCount: 1,
    append: async ({ key, value }) => {
      const offset = reader.log.length;
      const place = { topic: 'q.state', partition: 0, offset, timestampMs: 0 };
      reader.log.push({ ...place, key: Buffer.from(key), value, headers: [] });
      return { offset, timestampMs: 5_000 + offset };
    },
    reader,
    clock: new ManualClock(),
    newId: () => 'id',
    onEntry: () => {},
    onBroken: () => {},
    ...more,
  });
}

describe('the journal', () => {
  it('is read up to an entry of ours', async () => {
    const journal = journalOn(new StateReader());
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    expect((await journal.historyUpTo(3, epoch)).claims).toEqual(new Set([epoch]));
  });

  it('is read by the next taking when following it was refused once', async () => {
    const reader = new StateReader();
    reader.refusals = 1;
    const journal = journalOn(reader);
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await expect(journal.historyUpTo(3, epoch)).rejects.toThrow('refused');
    expect((await journal.historyUpTo(3, epoch)).claims).toEqual(new Set([epoch]));
  });

  it('hears of an entry that arrived while a poll brought nothing', async () => {
    const reader = new StateReader();
    const heard: string[] = [];
    const journal = journalOn(reader, { onEntry: ({ kind, offset }) => heard.push(`${kind} ${offset}`) });
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await journal.historyUpTo(3, epoch);
    heard.length = 0;
    let answer = (): void => {};
    const poll = reader.poll.bind(reader);
    reader.poll = () =>
      new Promise((resolve) => {
        answer = () => resolve([]);
      });
    reader.readable();
    reader.poll = poll;
    reader.push(markOf('g', epoch, 4));
    reader.readable();
    answer();
    await settled();
    expect(heard).toEqual(['mark 1']);
  });

  it("counts another group's entries for nothing", async () => {
    const reader = new StateReader();
    const journal = journalOn(reader);
    await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    const value = Buffer.from(encodeEntry({ kind: 'claim', group: 'other', partition: 3, by: 'w' }));
    reader.log.push({
      topic: 'q.state',
      partition: 0,
      offset: 1,
      timestampMs: 0,
      key: null,
      value,
      headers: [],
    });
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    expect((await journal.historyUpTo(3, epoch)).claims).toEqual(new Set([0, 2]));
  });

  it("hands on each entry of its group once, commands too, as others' arrive", async () => {
    const reader = new StateReader();
    const heard: string[] = [];
    const journal = journalOn(reader, { onEntry: ({ kind, offset }) => heard.push(`${kind} ${offset}`) });
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await journal.historyUpTo(3, epoch);
    const verb = { name: 'hold' } as const;
    const command = {
      kind: 'command',
      group: 'g',
      partition: 3,
      id: 'c',
      verb,
      key: 'k',
      by: '',
      atMs: 0,
    } as const;
    for (const group of ['g', 'other']) reader.push({ ...command, group });
    reader.readable();
    await settled();
    expect(heard).toEqual(['claim 0', 'command 1']);
  });

  it('is read up to ends that were asked for, and says what all groups need', async () => {
    const reader = new StateReader();
    const journal = journalOn(reader);
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await journal.historyUpTo(3, epoch);
    const place = { partition: 3, topicId: 't', reason: 'taken' } as const;
    reader.push({ kind: 'confirm', group: 'g', epoch, frontier: 7, ...place });
    reader.push({ kind: 'claim', group: 'other', partition: 3, by: 'w' });
    reader.push({ kind: 'confirm', group: 'other', epoch: 2, frontier: 5, ...place });
    reader.push(markOf('other', 2, 11));
    const ends = await journal.readToEnds(async () => [
      { topic: 'q', partition: 0, start: 0, end: 99 },
      { topic: 'q.state', partition: 0, start: 0, end: 5 },
    ]);
    expect(ends).toHaveLength(2);
    expect(journal.settledConfirm('g', 3)).toEqual({ epoch, frontier: 7, topicId: 't' });
    expect(journal.settledConfirm('other', 3)).toEqual({ epoch: 2, frontier: 5, topicId: 't' });
    expect(journal.settledConfirm('third', 3)).toBeUndefined();
    expect(journal.lowestNeeded((partition) => partition % 2).get(1)).toMatchObject({
      group: 'other',
      partition: 3,
      parkedFrom: 11,
    });
    expect(journal.lowestNeeded((partition) => partition % 2).size).toBe(1);
  });

  it('does not take a topic that ends before what was read for the one it followed', async () => {
    const journal = journalOn(new StateReader());
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await journal.historyUpTo(3, epoch);
    const ends = [{ topic: 'q.state', partition: 0, start: 0, end: 0 }];
    await expect(journal.readToEnds(async () => ends)).rejects.toThrow('ends before what was read');
  });

  it("knows the brokers' time from what it appended, whatever the process's clock shows", async () => {
    const clock = new ManualClock();
    const wrong: Clock = {
      wallMs: () => clock.wallMs() + 365 * 86_400_000,
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    };
    const journal = journalOn(new StateReader(), { clock: wrong });
    expect(journal.brokerNowMs()).toBeUndefined();
    await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await clock.advance(300);
    expect(journal.brokerNowMs()).toBe(5_300);
    await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    expect(journal.brokerNowMs()).toBe(5_001);
  });

  it('ends in no silence: what throws while it is followed is told', async () => {
    const reader = new StateReader();
    const broken: unknown[] = [];
    const fault = new Error('a fault');
    const journal = journalOn(reader, {
      onEntry: () => {
        throw fault;
      },
      onBroken: (error) => broken.push(error),
    });
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    const history = journal.historyUpTo(3, epoch).catch(() => {});
    await settled();
    expect(broken).toEqual([fault]);
    await journal.close();
    await history;
  });

  it('says nothing when its reader was closed with it', async () => {
    const reader = new StateReader();
    const broken: unknown[] = [];
    const journal = journalOn(reader, { onBroken: (error) => broken.push(error) });
    const epoch = await journal.append({ kind: 'claim', group: 'g', partition: 3, by: 'w' });
    await journal.historyUpTo(3, epoch);
    reader.poll = () => Promise.reject(new Error('closed'));
    reader.readable();
    await journal.close();
    await settled();
    expect(broken).toEqual([]);
  });
});

describe('a state topic that was made anew', () => {
  const claim: JournalEntry = { kind: 'claim', group: 'g', partition: 3, by: 'w' };

  it('is read from its start: nothing of the one that is gone counts, and what comes is told', async () => {
    const reader = new StateReader();
    const told: string[] = [];
    const journal = journalOn(reader, { onEntry: ({ kind, offset }) => told.push(`${kind} ${offset}`) });
    const epoch = await journal.append(claim);
    await journal.append({
      kind: 'confirm',
      group: 'g',
      partition: 3,
      epoch,
      frontier: 9,
      topicId: '',
      reason: 'taken',
    });
    expect(await journal.historyUpTo(3, 1)).toMatchObject({ newestConfirm: { frontier: 9 } });
    expect(journal.brokerNowMs()).toBeDefined();
    reader.log.length = 0;
    await journal.startOver();
    expect(journal.brokerNowMs()).toBeUndefined();
    reader.push({ ...claim, by: 'another' });
    reader.readable();
    await settled();
    expect(told).toEqual(['claim 0', 'confirm 1', 'claim 0']);
    expect(await journal.historyUpTo(3, 0)).toMatchObject({ claims: new Set([0]), newestConfirm: undefined });
    await journal.close();
  });

  it('is followed again in all its partitions, also when that has failed for one of them', async () => {
    const reader = new StateReader();
    const journal = journalOn(reader, { partitionCount: 2 });
    for (const partition of [0, 1]) await journal.historyUpTo(partition, -1);
    reader.assigned.length = 0;
    reader.refusals = 1;
    await expect(journal.startOver()).rejects.toThrow('refused');
    expect(reader.assigned).toEqual([1]);
    await journal.startOver();
    expect(new Set(reader.assigned)).toEqual(new Set([0, 1]));
    await journal.close();
  });

  it('makes whoever waits for an entry of the old one ask again', async () => {
    const reader = new StateReader();
    const journal = journalOn(reader);
    await journal.append(claim);
    await journal.historyUpTo(3, 0);
    const waiting = journal.historyUpTo(3, 5);
    await journal.startOver();
    await expect(waiting).rejects.toThrow('could not be read up to offset 5');
    await journal.close();
  });
});
