import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Deadlines } from './deadlines.ts';
import { Item } from './item.ts';
import { PartitionLine } from './partition-line.ts';

const line = new PartitionLine('q', 0);

function itemDue(deadlineMs: number): Item {
  const encode = (): never => {
    throw new Error('not reached');
  };
  return new Item(
    { topic: 'q', partition: 0, laneKey: 'k', id: 'i', type: 't', sizeBytes: 1, encode },
    { lane: line.lane('k'), seq: 0, deadlineMs, cohort: { openCount: 1 } },
    { resolve: () => undefined, reject: () => undefined },
  );
}

it('always knows the earliest, whichever tasks leave', () => {
  const move = fc.record({ add: fc.boolean(), deadlineMs: fc.nat(50), pick: fc.nat(100) });
  const moves = fc.array(move, { maxLength: 100, size: 'max' });
  fc.assert(
    fc.property(moves, (steps) => {
      const deadlines = new Deadlines();
      const inside: Item[] = [];
      for (const { add, deadlineMs, pick } of steps) {
        if (add || inside.length === 0) {
          const item = itemDue(deadlineMs);
          inside.push(item);
          deadlines.add(item);
        } else {
          const [item] = inside.splice(pick % inside.length, 1);
          if (item !== undefined) {
            deadlines.remove(item);
            deadlines.remove(item); // a second time does nothing
          }
        }
        const earliest = Math.min(...inside.map((item) => item.deadlineMs));
        expect(deadlines.earliest?.deadlineMs ?? Number.POSITIVE_INFINITY).toBe(earliest);
        expect(deadlines.size).toBe(inside.length);
      }
    }),
  );
});
