import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MinHeap } from './min-heap.ts';

it('is empty at first, and again', () => {
  const heap = new MinHeap<string>();
  expect([heap.size, heap.peek(), heap.peekRank(), heap.pop()]).toEqual([0, undefined, undefined, undefined]);
  heap.push(1, 'a');
  expect([heap.size, heap.peek(), heap.peekRank(), heap.pop(), heap.size]).toEqual([1, 'a', 1, 'a', 0]);
});

it('gives out the smallest rank first, in any course of pushes and pops', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(50), { freq: 3 }), { maxLength: 200, size: 'max' }), (steps) => {
      const heap = new MinHeap<number>();
      const model: number[] = [];
      for (const rank of steps) {
        if (rank === null) {
          model.sort((a, b) => a - b);
          expect(heap.pop()).toBe(model.shift());
        } else {
          heap.push(rank, rank);
          model.push(rank);
        }
        expect(heap.size).toBe(model.length);
        expect(heap.peekRank()).toBe(model.length === 0 ? undefined : Math.min(...model));
      }
    }),
  );
});

it('visits exactly what ranks below', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 100, size: 'max' }), fc.nat(60), (ranks, below) => {
      const heap = new MinHeap<number>();
      for (const rank of ranks) heap.push(rank, rank);
      const visited: number[] = [];
      heap.forEachBelow(below, (item, rank) => {
        expect(item).toBe(rank);
        visited.push(rank);
      });
      expect(visited.sort((a, b) => a - b)).toEqual(
        ranks.filter((rank) => rank < below).sort((a, b) => a - b),
      );
    }),
  );
});
