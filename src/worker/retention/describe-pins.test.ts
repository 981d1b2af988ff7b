import { describe, expect, it } from 'vitest';
import type { Admin, LogEnds } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';
import { describePins } from './describe-pins.ts';
import type { RetentionPin } from './retention-health.ts';
import type { Round } from './round.ts';

const KEEP_MS = 1_000;
const NOW_MS = 1_000_000;

interface Log extends LogEnds {
  readonly bytes: number | undefined;
  /** How old its records are, the first one first. */
  readonly agesMs?: readonly number[];
}

function pin(topic: string, records: number, offset = 0): RetentionPin {
  const by = { kind: 'group', group: 'h' } as const;
  return { topic, partition: 0, by, offset: BigInt(offset), records, ageMs: KEEP_MS, bytes: undefined };
}

function log(
  topic: string,
  start: number,
  end: number,
  bytes: number | undefined,
  agesMs: number[] = [],
): Log {
  return { topic, partition: 0, start, end, bytes, agesMs };
}

/** A cluster that has these logs; `failure` is what it says when asked for sizes. */
function roundOf(logs: readonly Log[], failure?: Error): { readonly round: Round; readonly asked: string[] } {
  const asked: string[] = [];
  const of = (place: TopicPartition): Log =>
    logs.find(({ topic }) => topic === place.topic) ?? log('', 0, 0, 0);
  const admin = {
    offsetsForTime: async (places: readonly TopicPartition[], timeMs: number) => {
      asked.push('offsetsForTime');
      return places.map((place) => {
        const { start, agesMs = [] } = of(place);
        const at = agesMs.findIndex((ageMs) => NOW_MS - ageMs >= timeMs);
        return { ...place, offset: at < 0 ? undefined : start + at };
      });
    },
    logSizes: async () => {
      if (failure !== undefined) throw failure;
      return new Map(
        logs.flatMap(({ topic, bytes }) => (bytes === undefined ? [] : [[`${topic}/0`, bytes]])),
      );
    },
    eachLogEnds: async (places: readonly TopicPartition[]) => {
      asked.push('eachLogEnds');
      return places.map(of);
    },
  };
  const ask = <T>(request: (of: Admin) => Promise<T>): Promise<T> => request(admin as never); // all that is asked for
  const round = { ask, brokerNowMs: NOW_MS, isUntold: () => false };
  return { round: round as unknown as Round, asked }; // all that it needs of one
}

/** Of each, the one with the most records first. */
const sizesOf = async (pins: readonly RetentionPin[], round: Round) =>
  (await describePins(pins, round, KEEP_MS)).worst.map(({ bytes }) => bytes);

describe('what is pinned', () => {
  it('takes its share of what its partition takes', async () => {
    const { round } = roundOf([log('a', 10, 20, 1_000), log('b', 0, 4, 500)]);
    expect(await sizesOf([pin('a', 3), pin('b', 4)], round)).toEqual([500, 300]);
  });

  it('takes no more than all of it, also when records have gone since', async () => {
    const { round } = roundOf([log('a', 18, 20, 1_000), log('b', 20, 20, 500)]);
    expect(await sizesOf([pin('a', 3), pin('b', 3)], round)).toEqual([1_000, undefined]);
  });

  it('is of unknown size where nobody knows it', async () => {
    const { round } = roundOf([log('a', 0, 20, undefined)]);
    expect(await sizesOf([pin('a', 3)], round)).toEqual([undefined]);
  });

  it('is told without its size where that may not be asked for, and nothing more is asked about it', async () => {
    const denied = { kind: 'authorization', code: 31, message: 'no' } as const;
    const { round, asked } = roundOf([log('a', 0, 20, 1)], new KafkaRequestError('asking for sizes', denied));
    expect(await sizesOf([pin('a', 3)], round)).toEqual([undefined]);
    expect(asked).not.toContain('eachLogEnds');
  });

  it('is not told when something else is wrong', async () => {
    const error = new Error('a bug');
    const { round } = roundOf([log('a', 0, 20, 1)], error);
    await expect(sizesOf([pin('a', 3)], round)).rejects.toBe(error);
  });

  it('is as old, at least, as the oldest time that its first record is older than', async () => {
    const logs = [log('a', 0, 3, 1, [5_000, 1_600, 10]), log('b', 0, 1, 1, [70_000])];
    const { round } = roundOf(logs);
    const pins = await describePins([pin('a', 1, 1), pin('b', 1)], round, KEEP_MS);
    expect(pins.worst.map(({ ageMs }) => ageMs)).toEqual([1.5 * KEEP_MS, 64 * KEEP_MS]);
  });

  it('is asked about until nothing of it is older', async () => {
    const { round, asked } = roundOf([log('a', 0, 2, 1, [1_300, 10])]);
    await describePins([pin('a', 1)], round, KEEP_MS);
    // 1, 1.25 and 1.5 times as long as tasks are kept: the last one is older than the record.
    expect(asked.filter((call) => call === 'offsetsForTime')).toHaveLength(3);
  });
});
