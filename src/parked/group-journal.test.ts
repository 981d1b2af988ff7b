import { describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/manual-clock.ts';
import { encodeEntry } from '../journal/journal-entry.ts';
import { MemoryCluster } from '../kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Reader } from '../kafka/port.ts';
import { GroupJournal } from './group-journal.ts';

const { signal } = new AbortController();

/** A state topic of one partition, and a journal whose readers are what the test says. */
function journalOf(change: (reader: Reader, count: number) => Reader): {
  readonly journal: GroupJournal;
  readonly clock: ManualClock;
  readonly open: Set<Reader>;
  readonly hold: (key: string) => void;
} {
  const clock = new ManualClock();
  const cluster = new MemoryCluster({ clock });
  cluster.createTopic('q.state');
  const driver = memoryDriver(cluster);
  const open = new Set<Reader>();
  let count = 0;
  const journal = new GroupJournal({
    group: 'g',
    topic: 'q.state',
    partitionCount: 1,
    openReader: async () => {
      count += 1;
      const reader = change(await driver.reader({ name: 'r', prefetchBytes: 1 }), count);
      open.add(reader);
      return reader;
    },
    closeReader: async (reader) => {
      open.delete(reader);
      await reader.close();
    },
    logEnds: async (partitions) => (await driver.admin()).logEnds(partitions),
    clock,
  });
  const hold = (key: string): void => {
    const command = { kind: 'command', group: 'g', partition: 0, id: key, key, by: 'me', atMs: 1 } as const;
    const value = Buffer.from(encodeEntry({ ...command, verb: { name: 'hold' } }));
    cluster.write({ topic: 'q.state', partition: 0 }, [{ key: Buffer.from(key), value, headers: [] }]);
  };
  return { journal, clock, open, hold };
}

function heldIn(journal: GroupJournal): Promise<string[]> {
  return journal.look(signal, () => [...journal.holds.keys].map(({ subject }) => subject));
}

describe("a group's journal", () => {
  it('is read on from where it was left, with a reader only as long as somebody looks', async () => {
    const positions: number[] = [];
    const { journal, open, hold } = journalOf((reader) => {
      const assign = reader.assign.bind(reader);
      return Object.assign(reader, {
        assign: (to: Parameters<Reader['assign']>[0]) => {
          positions.push(...to.map(({ offset }) => offset));
          return assign(to);
        },
      });
    });
    hold('a');
    hold('b');
    expect(await heldIn(journal)).toEqual(['a', 'b']);
    expect(open.size).toBe(0);
    hold('c');
    expect(await heldIn(journal)).toEqual(['a', 'b', 'c']);
    expect(positions).toEqual([0, 2]);
    expect(open.size).toBe(0);
  });

  it('shares one reader among those who look at once', async () => {
    let count = 0;
    const { journal, hold } = journalOf((reader) => {
      count += 1;
      return reader;
    });
    hold('a');
    expect(await Promise.all([heldIn(journal), heldIn(journal), heldIn(journal)])).toEqual([
      ['a'],
      ['a'],
      ['a'],
    ]);
    expect(count).toBe(1);
  });

  it('is given up when it brings nothing for 30 s, and read by whoever asks next', async () => {
    const { journal, clock, open, hold } = journalOf((reader, count) =>
      count > 1 ? reader : Object.assign(reader, { poll: () => Promise.resolve([]) }),
    );
    hold('a');
    const failed = heldIn(journal).catch((error: unknown) => error);
    await clock.advance(30_000);
    expect(await failed).toMatchObject({ code: 'TOPIC_UNREADABLE', topic: 'q.state' });
    expect(open.size).toBe(0);
    expect(await heldIn(journal)).toEqual(['a']);
    expect(clock.pendingCount).toBe(0);
  });

  it('is read by whoever asks next when its reader could not be positioned', async () => {
    const { journal, open, hold } = journalOf((reader, count) =>
      count > 1 ? reader : Object.assign(reader, { assign: () => Promise.reject(new Error('no')) }),
    );
    hold('a');
    await expect(heldIn(journal)).rejects.toThrow('no');
    expect(open.size).toBe(0);
    expect(await heldIn(journal)).toEqual(['a']);
  });

  it('leaves nothing behind when nobody wants it any more', async () => {
    const { journal, clock, open, hold } = journalOf((reader) =>
      Object.assign(reader, { poll: () => Promise.resolve([]) }),
    );
    hold('a');
    const wanted = new AbortController();
    const looked = journal.look(wanted.signal, () => 'seen').catch((error: unknown) => error);
    await clock.advance(10);
    wanted.abort('enough');
    expect(await looked).toBe('enough');
    expect(open.size).toBe(0);
    expect(clock.pendingCount).toBe(0);
  });
});
