import { describe, expect, it } from 'vitest';
import { balance, type Candidate } from './balance.ts';

interface Member extends Candidate {
  readonly id: string;
}

const member = (id: string, ...topics: string[]): Member => ({ id, topics });
const partitionsOf = (topic: string, count: number) =>
  Array.from({ length: count }, (_, partition) => ({ topic, partition }));
const counts = (target: ReadonlyMap<string, Member>) => {
  const count: Record<string, number> = {};
  for (const { id } of target.values()) count[id] = (count[id] ?? 0) + 1;
  return count;
};

describe('balance', () => {
  it('spreads unowned partitions evenly', () => {
    const target = balance(
      [member('a', 't'), member('b', 't'), member('c', 't')],
      partitionsOf('t', 7),
      () => undefined,
    );
    expect(counts(target)).toEqual({ a: 3, b: 2, c: 2 });
  });

  it('moves only what a newcomer needs', () => {
    const [a, b] = [member('a', 't'), member('b', 't')];
    const partitions = partitionsOf('t', 4);
    const target = balance([a, b], partitions, () => a);
    expect(counts(target)).toEqual({ a: 2, b: 2 });
    expect(balance([a, b], partitions, ({ partition }) => target.get(`t/${partition}`))).toEqual(target);
  });

  it('gives partitions only to those who subscribed to the topic', () => {
    const target = balance(
      [member('a', 't', 'u'), member('b', 'u')],
      [...partitionsOf('t', 3), ...partitionsOf('u', 3), ...partitionsOf('v', 1)],
      () => undefined,
    );
    expect(counts(target)).toEqual({ a: 3, b: 3 });
    expect([...target.keys()]).not.toContain('v/0');
  });

  it('takes partitions from one who is gone', () => {
    const [a, gone] = [member('a', 't'), member('gone', 't')];
    expect(counts(balance([a], partitionsOf('t', 3), () => gone))).toEqual({ a: 3 });
  });
});
