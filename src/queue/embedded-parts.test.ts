import { expect, it } from 'vitest';
import { EmbeddedParts } from './embedded-parts.ts';

const place = { queuePartition: 3, partition: 1 };

/** With what was told of each partition at last. */
function world() {
  const needed: Record<number, number> = {};
  const parts = new EmbeddedParts((partition, from) => {
    needed[partition] = from;
  });
  const append = (id: string, offsets: readonly number[], at = place) => {
    for (const offset of offsets) parts.appended(id, at, offset);
  };
  return { needed, parts, append };
}

it('parts are needed until their task is finished, whatever is heard of first', () => {
  const { needed, parts, append } = world();
  append('a', [10, 11]);
  append('b', [14, 12]);
  parts.enqueued('a', 7);
  parts.finished('g', 3, 7);
  expect(needed).toEqual({});
  parts.finished('g', 3, 8);
  expect(needed).toEqual({ 1: 12 });
  parts.finished('g', 3, 9);
  parts.enqueued('b', 8);
  expect(needed).toEqual({ 1: 15 });
});

it('parts of a task that is not in the log yet are needed', () => {
  const { needed, parts, append } = world();
  append('a', [0, 2]);
  append('b', [1, 3]);
  parts.enqueued('a', 0);
  parts.finished('g', 3, 1);
  expect(needed).toEqual({ 1: 1 });
});

it('nobody needs the parts of an upload that failed', () => {
  const { needed, parts, append } = world();
  append('a', [0]);
  parts.enqueued('a', 0);
  append('b', [1, 2]);
  parts.failed('b');
  expect(needed).toEqual({ 1: 0 });
  parts.failed('a'); // a second call under the same id is another task
  expect(needed).toEqual({ 1: 0 });
  parts.finished('g', 3, 1);
  expect(needed).toEqual({ 1: 3 });
});

it('the slowest group counts, and each partition for itself', () => {
  const { needed, parts, append } = world();
  append('a', [1], { queuePartition: 0, partition: 0 });
  append('b', [2], { queuePartition: 4, partition: 0 });
  append('c', [1], { queuePartition: 1, partition: 1 });
  for (const id of ['a', 'b', 'c']) parts.enqueued(id, 0);
  parts.finished('g', 0, 1);
  parts.finished('h', 4, 0);
  parts.finished('g', 4, 1);
  expect(needed).toEqual({ 0: 2 });
  parts.finished('h', 4, 1);
  expect(needed).toEqual({ 0: 3 });
});
