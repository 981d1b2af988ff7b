import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';

function keysBetween(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `key-${i}`);
}

/** Key k is given up; its copies are made as soon as there is a slot. */
function givenUp(keys: readonly string[], config?: ConstructorParameters<typeof ParkedRig>[0]): ParkedRig {
  const at = new ParkedRig({ concurrency: 1, ...config });
  at.rig.records(at.partition, itemsOf(0, keys));
  at.giveUp('k');
  at.settle();
  return at;
}

function copiesOf(at: ParkedRig): number[][] {
  return at.rig.of('copy').map(({ copy }) => copy.items.map(({ offset }) => offset));
}

describe('tasks of a parked key', () => {
  it('are copied together when a commit can list the keys between them', () => {
    const at = givenUp(['k', ...keysBetween(100), 'k']);
    at.finish(at.rig.runOf('key-0'));
    expect(copiesOf(at)).toEqual([[0, 101]]);
  });

  it('are copied one by one when it cannot: it would not say of the last one that it is finished', () => {
    const at = givenUp(['k', ...keysBetween(600), 'k']);
    at.finish(at.rig.runOf('key-0'));
    at.settle();
    expect(copiesOf(at)).toEqual([[0]]);
    const [item] = at.rig.of('commit').at(-1)?.items ?? [];
    expect(item?.doneBelow).toBe(at.partition.startedBelow);
    at.finishAll();
    expect(copiesOf(at)).toEqual([[0], [601]]);
    expect(at.partition.committedFrontier).toBe(602);
  });

  it('are copied 64 at a time, and a mebibyte at a time', () => {
    const many = givenUp(Array<string>(130).fill('k'));
    many.finishAll();
    expect(copiesOf(many).map(({ length }) => length)).toEqual([64, 64, 2]);
    const large = new ParkedRig();
    large.rig.records(
      large.partition,
      [0, 1, 2, 3].map((offset) => itemOf(offset, 'k', { bytes: 400_000 })),
    );
    large.giveUp('k');
    large.finishAll();
    expect(copiesOf(large)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  it('are copied no further than a commit has said that they may be started', () => {
    const at = new ParkedRig({ startAhead: { min: 3, max: 3 } });
    at.rig.records(at.partition, itemsOf(0, ['k', 'k', 'k', 'k', 'k', 'k']));
    at.giveUp('k');
    for (const effect of at.open()) at.answer(effect);
    const { horizon } = at.partition;
    expect(horizon).toBeLessThan(6);
    expect(copiesOf(at)).toEqual([Array.from({ length: horizon }, (_, offset) => offset)]);
    at.finishAll();
    expect(copiesOf(at).flat()).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
