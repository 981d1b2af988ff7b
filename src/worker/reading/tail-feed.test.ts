import { describe, expect, it } from 'vitest';
import type { IncomingRecord, Reader } from '../../kafka/port.ts';
import { PartitionState } from '../core/partition-state.ts';
import { TailFeed } from './tail-feed.ts';

/** A reader that does nothing but what a test says a poll does. */
function readerOf(poll: () => Promise<readonly IncomingRecord[]>): Reader {
  const order = async (): Promise<void> => {};
  return {
    assign: order,
    unassign: order,
    pause: order,
    resume: order,
    poll,
    onReadable: () => {},
    onProblem: () => {},
    close: order,
  };
}

function feedOn(reader: Reader, deliver: () => void): { feed: TailFeed; broken: unknown[] } {
  const broken: unknown[] = [];
  const feed = new TailFeed({
    reader,
    topic: 'q',
    wantedCount: () => 1,
    meanBytes: () => 1_000,
    deliver,
    onBroken: (error) => void broken.push(error),
  });
  return { feed, broken };
}

const record: IncomingRecord = {
  topic: 'q',
  partition: 0,
  offset: 0,
  timestampMs: 0,
  key: null,
  value: null,
  headers: [],
};

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('the tail', () => {
  it('tells of whatever else than a closed reader ends its reading', async () => {
    const bug = new Error('whoever takes the records is wrong');
    const { feed, broken } = feedOn(
      readerOf(async () => [record]),
      () => {
        throw bug;
      },
    );
    await feed.read([{ partition: new PartitionState(0), offset: 0 }]);
    await settle();
    expect(broken).toEqual([bug]);
  });

  it('tells of a reader that rejects although nobody closed it', async () => {
    const { feed, broken } = feedOn(
      readerOf(() => Promise.reject(new Error('gone'))),
      () => {},
    );
    await feed.read([{ partition: new PartitionState(0), offset: 0 }]);
    await settle();
    expect(broken).toEqual([new Error('gone')]);
  });

  it('polls again when something became readable while a poll brought nothing', async () => {
    let readable = (): void => {};
    const answers: ((records: readonly IncomingRecord[]) => void)[] = [];
    const reader = readerOf(() => new Promise((resolve) => answers.push(resolve)));
    const { feed } = feedOn(
      {
        ...reader,
        onReadable: (listener) => {
          readable = listener;
        },
      },
      () => {},
    );
    await feed.read([{ partition: new PartitionState(0), offset: 0 }]);
    // It has looked, and what it saw is on its way: the reader tells only once that there is more.
    readable();
    answers.shift()?.([]);
    await settle();
    expect(answers).toHaveLength(1);
    answers.shift()?.([]);
    await settle();
    expect(answers).toHaveLength(0);
  });

  it('ends without a word when it is closed', async () => {
    let refuse = (): void => {};
    const { feed, broken } = feedOn(
      readerOf(
        () =>
          new Promise((_resolve, reject) => {
            refuse = () => reject(new Error('closed'));
          }),
      ),
      () => {},
    );
    await feed.read([{ partition: new PartitionState(0), offset: 0 }]);
    await feed.close();
    refuse();
    await settle();
    expect(broken).toEqual([]);
  });
});
