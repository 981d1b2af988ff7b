import { expect, it } from 'vitest';
import { EmbeddedParts } from './embedded-parts.ts';

const place = { queuePartition: 3, partition: 1 };

/** With what was told of each partition at last. */
function world() {
  const needed: Record<number, number> = {};
  const parts = new EmbeddedParts((partition, from) => {
    needed[partition] = from;
  });
  const append = (offsets: readonly number[], at = place): object => {
    const call = {};
    parts.begin(call, at);
    for (const offset of offsets) parts.landed(call, at.partition, offset);
    return call;
  };
  return { needed, parts, append };
}

it('parts are needed until their task is finished, whatever is heard of first', () => {
  const { needed, parts, append } = world();
  const [a, b] = [append([10, 11]), append([14, 12])];
  parts.enqueued(a, 7);
  parts.finished('g', 3, 7);
  expect(needed).toEqual({});
  parts.finished('g', 3, 8);
  expect(needed).toEqual({ 1: 12 });
  parts.finished('g', 3, 9);
  parts.enqueued(b, 8);
  expect(needed).toEqual({ 1: 15 });
});

it('parts of a task that is not in the log yet are needed', () => {
  const { needed, parts, append } = world();
  const a = append([0, 2]);
  append([1, 3]);
  parts.enqueued(a, 0);
  parts.finished('g', 3, 1);
  expect(needed).toEqual({ 1: 1 });
});

it('nobody needs the parts of an upload that failed', () => {
  const { needed, parts, append } = world();
  const a = append([0]);
  parts.enqueued(a, 0);
  const b = append([1, 2]);
  parts.failed(b);
  expect(needed).toEqual({ 1: 0 });
  parts.failed(a); // it is in the log: somebody has read it, whatever its caller was told
  expect(needed).toEqual({ 1: 0 });
  parts.finished('g', 3, 1);
  expect(needed).toEqual({ 1: 3 });
});

it('nor those that come into the log when it has failed; an upload that has none there yet needs none of them', () => {
  const { needed, parts, append } = world();
  const [a, b] = [append([]), append([])];
  parts.failed(a);
  parts.landed(a, 1, 4);
  expect(needed).toEqual({ 1: 5 });
  parts.landed(b, 1, 6);
  parts.landed(a, 1, 5);
  expect(needed).toEqual({ 1: 6 });
});

it('the slowest group counts, and each partition for itself', () => {
  const { needed, parts, append } = world();
  const calls = [
    append([1], { queuePartition: 0, partition: 0 }),
    append([2], { queuePartition: 4, partition: 0 }),
    append([1], { queuePartition: 1, partition: 1 }),
  ];
  for (const call of calls) parts.enqueued(call, 0);
  parts.finished('g', 0, 1);
  parts.finished('h', 4, 0);
  parts.finished('g', 4, 1);
  expect(needed).toEqual({ 0: 2 });
  parts.finished('h', 4, 1);
  expect(needed).toEqual({ 0: 3 });
});
