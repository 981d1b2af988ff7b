import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { IncomingRecord, Position, Reader, TopicPartition } from '../../kafka/port.ts';
import { PartitionState } from '../core/partition-state.ts';
import { SweepFeed } from './sweep-feed.ts';

function record(partition: number, offset: number): IncomingRecord {
  return { topic: 'q', partition, offset, timestampMs: 0, key: Buffer.from('k'), value: null, headers: [] };
}

/** A reader whose polls bring what a test lays out for them. */
class ScriptedReader implements Reader {
  readonly polls: IncomingRecord[][] = [];
  readonly assigned: Position[] = [];
  readonly asked: number[] = [];
  readonly unassigned: TopicPartition[] = [];
  closed = false;
  readable: () => void = () => {};

  async assign(positions: readonly Position[]): Promise<void> {
    this.assigned.push(...positions);
  }

  async unassign(partitions: readonly TopicPartition[]): Promise<void> {
    this.unassigned.push(...partitions);
  }

  async pause(): Promise<void> {}

  async resume(): Promise<void> {}

  async poll(maxRecords: number): Promise<readonly IncomingRecord[]> {
    this.asked.push(maxRecords);
    return this.polls.shift() ?? [];
  }

  onReadable(listener: () => void): void {
    this.readable = listener;
  }

  onProblem(): void {}

  async close(): Promise<void> {
    this.closed = true;
  }
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function running(number: number): PartitionState {
  const partition = new PartitionState(number);
  for (const phase of ['inspecting', 'taking', 'confirming', 'running'] as const) partition.move(phase);
  return partition;
}

function feedOn(
  openReader: () => Promise<Reader>,
  deliver: (partition: PartitionState, offsets: number[]) => void = () => {},
  clock = new ManualClock(),
): SweepFeed {
  return new SweepFeed({
    openReader,
    topic: 'q',
    clock,
    meanBytes: () => 1_000,
    partitionBytes: 8_000,
    deliver: ({ partition }, items) =>
      deliver(
        partition,
        items.map(({ offset }) => offset),
      ),
    onBroken: (error) => {
      throw error;
    },
  });
}

describe('sweeps', () => {
  it('hand on nothing from an earlier position once another one was ordered, within one poll neither', async () => {
    const reader = new ScriptedReader();
    const [swept, other] = [new PartitionState(0), new PartitionState(1)];
    const got: number[] = [];
    const feed = feedOn(
      async () => reader,
      (partition, offsets) => {
        if (partition !== swept) return;
        got.push(...offsets);
        // What the core does when a sweep has reached its end and a lane needs an older record again.
        if (offsets.includes(9)) {
          void feed.stop(swept);
          void feed.sweep({ partition: swept, offset: 3 });
        }
      },
    );
    await feed.sweep({ partition: swept, offset: 8 });
    await feed.sweep({ partition: other, offset: 0 });
    // The client brings what it fetched in whatever pieces it came.
    reader.polls.push([record(0, 8), record(0, 9), record(1, 0), record(0, 10)]);
    reader.readable();
    await settle();
    expect(reader.assigned.map(({ offset }) => offset)).toEqual([8, 0, 3]);
    expect(got).toEqual([8, 9]);
  });

  it('are read in the order they were asked for while the reader is still being opened', async () => {
    const reader = new ScriptedReader();
    let open = (): void => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const partition = new PartitionState(0);
    const feed = feedOn(() => opened.then(() => reader));
    const orders = [
      feed.sweep({ partition, offset: 8 }),
      feed.stop(partition),
      feed.sweep({ partition, offset: 3 }),
    ];
    open();
    await Promise.all(orders);
    expect(reader.assigned.at(-1)?.offset).toBe(3);
    expect(reader.unassigned).toEqual([]);
  });

  it('are tried again after a reader could not be opened, and close all the same', async () => {
    const reader = new ScriptedReader();
    let tries = 0;
    const feed = feedOn(async () => {
      tries += 1;
      if (tries === 1) throw new Error('no broker answers');
      return reader;
    });
    const partition = new PartitionState(0);
    await expect(feed.sweep({ partition, offset: 0 })).rejects.toThrow('no broker answers');
    await feed.sweep({ partition, offset: 0 });
    expect(reader.assigned).toEqual([{ topic: 'q', partition: 0, offset: 0 }]);
    await feed.close();
    expect(reader.closed).toBe(true);
  });

  it('ask for no more records than their partition has room for, and for the usual number when it has none', async () => {
    const reader = new ScriptedReader();
    const feed = feedOn(async () => reader);
    const partition = new PartitionState(0);
    partition.bufferedBytes = 5_500;
    await feed.sweep({ partition, offset: 0 });
    partition.bufferedBytes = 8_000;
    reader.readable();
    await settle();
    expect(reader.asked).toEqual([3, 64]);
  });

  it('go on from where the one before has ended, with what it brought and did not need, and fetch nothing again', async () => {
    const reader = new ScriptedReader();
    const swept = running(0);
    const got: number[] = [];
    const feed = feedOn(
      async () => reader,
      (_, offsets) => {
        got.push(...offsets);
        if (got.length === 3) void feed.stop(swept); // there is no room for more; the last was not taken
      },
    );
    await feed.sweep({ partition: swept, offset: 4 });
    reader.polls.push([record(0, 4), record(0, 5), record(0, 6)]);
    reader.readable();
    await settle();
    await feed.sweep({ partition: swept, offset: 6 });
    reader.polls.push([record(0, 7)]);
    reader.readable();
    await settle();
    expect(got).toEqual([4, 5, 6, 6, 7]);
    expect(reader.assigned.map(({ offset }) => offset)).toEqual([4]);
    expect(reader.unassigned).toEqual([]);
  });

  it('begin anew where the one before did not come to, behind it or far ahead', async () => {
    const reader = new ScriptedReader();
    const swept = running(0);
    const feed = feedOn(
      async () => reader,
      () => void feed.stop(swept),
    );
    for (const offset of [4, 3, 1_000]) {
      await feed.sweep({ partition: swept, offset });
      reader.polls.push([record(0, offset)]);
      reader.readable();
      await settle();
    }
    expect(reader.assigned.map(({ offset }) => offset)).toEqual([4, 3, 1_000]);
  });

  it('that have ended leave the client when another partition is swept, or after a while', async () => {
    const reader = new ScriptedReader();
    const clock = new ManualClock();
    const [swept, other] = [running(0), running(1)];
    const feed = feedOn(
      async () => reader,
      (partition) => void feed.stop(partition),
      clock,
    );
    await feed.sweep({ partition: swept, offset: 0 });
    reader.polls.push([record(0, 0)]);
    reader.readable();
    await settle();
    expect(reader.unassigned).toEqual([]);
    await feed.sweep({ partition: other, offset: 0 });
    expect(reader.unassigned.map(({ partition }) => partition)).toEqual([0]);
    reader.polls.push([record(1, 0)]);
    reader.readable();
    await settle();
    await clock.advance(10_000);
    await settle();
    expect(reader.unassigned.map(({ partition }) => partition)).toEqual([0, 1]);
  });

  it('of a partition that was given up leave the client at once', async () => {
    const reader = new ScriptedReader();
    const swept = running(0);
    const feed = feedOn(async () => reader);
    await feed.sweep({ partition: swept, offset: 0 });
    reader.polls.push([record(0, 0)]);
    reader.readable();
    await settle();
    swept.move('gone');
    await feed.stop(swept);
    expect(reader.unassigned.map(({ partition }) => partition)).toEqual([0]);
  });

  it('that end in the middle of what one poll has brought lose nothing of it', async () => {
    const reader = new ScriptedReader();
    const swept = running(0);
    const got: number[] = [];
    const feed = feedOn(
      async () => reader,
      (_, offsets) => {
        got.push(...offsets);
        if (got.length === 1) void feed.stop(swept);
      },
    );
    await feed.sweep({ partition: swept, offset: 4 });
    reader.polls.push([record(0, 4), record(1, 9), record(0, 5)]); // of another that has just been left
    reader.readable();
    await settle();
    await feed.sweep({ partition: swept, offset: 5 });
    expect(got).toEqual([4, 5]);
  });

  it('of which none could be opened close', async () => {
    const feed = feedOn(() => Promise.reject(new Error('no broker answers')));
    const order = feed.sweep({ partition: new PartitionState(0), offset: 0 });
    const closed = feed.close();
    await expect(order).rejects.toThrow('no broker answers');
    await closed;
    await feed.stop(new PartitionState(0));
  });
});
