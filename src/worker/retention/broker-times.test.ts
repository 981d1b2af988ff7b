import { describe, expect, it } from 'vitest';
import type { Admin } from '../../kafka/admin.ts';
import type { KafkaFailure } from '../../kafka/port.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';
import { BrokerTimes } from './broker-times.ts';

/** A cluster whose topics have these settings, or answer with this error. */
function clusterOf(topics: Readonly<Record<string, string | undefined | Error>>) {
  const asked: string[] = [];
  const topicConfigs = async (topic: string): Promise<ReadonlyMap<string, string>> => {
    asked.push(topic);
    const type = topics[topic];
    if (type instanceof Error) throw type;
    return new Map(type === undefined ? [] : [['message.timestamp.type', type]]);
  };
  const ask = <T>(request: (admin: Admin) => Promise<T>): Promise<T> => request({ topicConfigs } as never); // all that is asked for
  return { asked, ask };
}

const failed = (failure: KafkaFailure): KafkaRequestError =>
  new KafkaRequestError('reading settings', failure);
const denied = { kind: 'authorization', code: 29, message: 'no' } as const;

describe('timestamps', () => {
  it('of producers are refused, with the setting and what it has to be', async () => {
    const { ask } = clusterOf({ a: 'LogAppendTime', b: 'CreateTime', c: undefined });
    const problems = await new BrokerTimes(['a', 'b', 'c'], 100).problems(ask, 0);
    expect(problems.map(({ topic }) => topic)).toEqual(['b', 'c']);
    expect(problems[0]?.why).toMatch(/message\.timestamp\.type is CreateTime.*LogAppendTime/);
    expect(problems[1]?.why).toMatch(/is not told/);
    expect(problems[0]?.failure).toBe(undefined);
  });

  it('that may not be read are refused, with what has to be allowed', async () => {
    const { ask } = clusterOf({ a: failed(denied) });
    const [problem] = await new BrokerTimes(['a'], 100).problems(ask, 0);
    expect(problem).toMatchObject({ topic: 'a', failure: denied });
    expect(problem?.why).toMatch(/DescribeConfigs/);
  });

  it.each([failed({ kind: 'unreachable', code: undefined, message: 'away' }), new Error('a bug')])(
    'that could not be asked for are no answer: %s',
    async (error) => {
      const { ask } = clusterOf({ a: error });
      await expect(new BrokerTimes(['a'], 100).problems(ask, 0)).rejects.toBe(error);
    },
  );

  it('that are the brokers are believed for a while', async () => {
    const { ask, asked } = clusterOf({ a: 'LogAppendTime' });
    const times = new BrokerTimes(['a'], 100);
    for (const nowMs of [0, 99]) expect(await times.problems(ask, nowMs)).toEqual([]);
    expect(asked).toHaveLength(1);
    await times.problems(ask, 100);
    expect(asked).toHaveLength(2);
  });

  it('that are not are asked for again each time', async () => {
    const { ask, asked } = clusterOf({ a: 'CreateTime' });
    const times = new BrokerTimes(['a'], 100);
    for (const nowMs of [0, 1]) expect(await times.problems(ask, nowMs)).toHaveLength(1);
    expect(asked).toHaveLength(2);
  });
});
