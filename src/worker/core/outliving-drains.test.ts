import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { crashed, startsIn } from '../../../test/support/crashed-owner.ts';
import { foldJournal } from '../../journal/journal.ts';
import { decodeMetadata } from './commit-metadata.ts';
import type { CommitItem } from './effects.ts';
import type { TakingFinding } from './judge-taking.ts';

/** An owner whose handlers outlive its drain gives the partition up: its last commit. */
function drainedOwner(rig: CoreRig): CommitItem {
  rig.settle();
  rig.tell((core, at) => core.revoked(at, 1, [0]));
  rig.settle();
  expect(rig.of('answer-revoke')).toEqual([]);
  rig.pass(1_000);
  rig.settle();
  expect(rig.reports('drain-expired')).toHaveLength(1);
  expect(rig.of('answer-revoke')).toHaveLength(1);
  const last = rig.of('committed').at(-1)?.item;
  if (last === undefined) throw new Error('nothing was committed');
  return last;
}

/** What the next owner finds. */
function left({ partition: { epoch }, offset, metadata }: CommitItem): Partial<TakingFinding> {
  const claim = { kind: 'claim', group: 'g', partition: 0, by: 'x', offset: epoch } as const;
  return { committed: { offset, metadata }, history: foldJournal([claim]), logEnd: 1_000 };
}

/** An owner that has taken the partition and runs its tasks. */
function owner(finding: Partial<TakingFinding>): CoreRig {
  const rig = new CoreRig({ concurrency: 8 });
  const partition = rig.take(0, finding);
  const items = itemsOf(0, ['slow', 'quick', 'slow too']);
  if (partition.sweep !== undefined) rig.swept(partition, items.slice(partition.sweep.at));
  rig.records(partition, items.slice(partition.nextOffset));
  rig.settle();
  return rig;
}

describe('a task that outlives the drain of its owner', () => {
  it('is not among those that may have ended a process: the last commit says so', () => {
    const rig = owner({});
    rig.finish(rig.runOf('quick'));
    const { offset, metadata } = drainedOwner(rig);
    expect(decodeMetadata(metadata, offset)).toMatchObject({
      state: { frontier: 0, horizon: 0, clean: false, doneBelow: 3, lanes: [{ offset: 0 }, { offset: 2 }] },
    });
  });

  it('runs again at once with its next owners, however many, and is never given up for it', () => {
    let finding: Partial<TakingFinding> = {};
    for (let owners = 0; owners < 6; owners += 1) {
      const rig = owner(finding);
      expect(rig.runningKeys).toEqual(owners === 0 ? ['slow', 'quick', 'slow too'] : ['slow', 'slow too']);
      if (owners === 0) rig.finish(rig.runOf('quick'));
      expect(rig.reports('key-held')).toEqual([]);
      finding = left(drainedOwner(rig));
    }
  });

  it('and was a suspect stays one, not charged with a start that ended nothing', () => {
    let finding = crashed(1, [{ key: 'slow', offset: 0, starts: 1 }]);
    for (let owners = 0; owners < 4; owners += 1) {
      const rig = new CoreRig();
      const partition = rig.take(0, finding);
      if (partition.sweep !== undefined) rig.swept(partition, itemsOf(0, ['slow']));
      rig.settle();
      expect(rig.runningKeys).toEqual(['slow']);
      const last = drainedOwner(rig);
      expect(startsIn([last])).toEqual({ 0: 1 });
      finding = left(last);
    }
  });
});
