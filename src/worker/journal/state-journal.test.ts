import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import { encodeEntry } from '../../journal/journal-entry.ts';
import type { IncomingRecord, Reader } from '../../kafka/port.ts';
import { StateJournal } from './state-journal.ts';

/** The state topic's one partition. Its first assigns may be refused. */
class StateReader implements Reader {
  refusals = 0;
  readonly log: IncomingRecord[] = [];
  #at: number | undefined;

  async assign(): Promise<void> {
    this.refusals -= 1;
    if (this.refusals >= 0) throw new Error('refused');
    this.#at = 0;
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

  onReadable(): void {}

  onProblem(): void {}

  async close(): Promise<void> {}
}

function journalOn(reader: StateReader): StateJournal {
  return new StateJournal({
    group: 'g',
    topic: 'q.state',
    partitionCount: 1,
    append: async ({ key, value }) => {
      const offset = reader.log.length;
      const place = { topic: 'q.state', partition: 0, offset, timestampMs: 0 };
      reader.log.push({ ...place, key: Buffer.from(key), value, headers: [] });
      return offset;
    },
    reader,
    clock: new ManualClock(),
    newId: () => 'id',
    onEntry: () => {},
    onBroken: () => {},
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
});
