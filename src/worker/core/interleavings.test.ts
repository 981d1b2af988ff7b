import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { encodeMetadata } from './commit-metadata.ts';
import { keyHash } from './key-hash.ts';
import { OUTAGE_MIN_KEYS } from './outage.ts';
import { SharedBudget } from './shared-budget.ts';

const statePin = 'abcdefghijklmnopqrstuv';

/** A rig whose partition 0 was taken over from an owner that left `lanes` unfinished below `doneBelow`. */
function successor(
  doneBelow: number,
  lanes: readonly { readonly key: string; readonly offset: number; readonly attempts?: number }[],
): CoreRig {
  const rig = new CoreRig();
  const frontier = Math.min(doneBelow, ...lanes.map(({ offset }) => offset));
  const { text } = encodeMetadata({
    frontier,
    epoch: 50,
    clean: false,
    statePin,
    doneBelow,
    horizon: 0,
    lanes: lanes.map(({ key, offset, attempts = 0 }) => ({
      hash: keyHash(key),
      offset,
      attempts,
      firstFailedAtMs: attempts === 0 ? undefined : 1,
      starts: 0,
    })),
  });
  rig.take(0, {
    committed: { offset: frontier, metadata: text },
    history: foldJournal([{ kind: 'claim', group: 'g', partition: 0, by: 'x', offset: 50 }]),
  });
  return rig;
}

describe('a second revoke of a partition that is being given up', () => {
  it('waits like the first one: the handlers are not left running behind an answer', () => {
    const rig = new CoreRig({ drainMs: 1_000 });
    rig.records(rig.take(0), itemsOf(0, ['a']));
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.tell((core, at) => core.revoked(at, 2, [0]));
    expect(rig.of('answer-revoke')).toEqual([]);
    rig.finish(rig.runOf('a'));
    rig.settle();
    expect(rig.of('answer-revoke').map(({ revocation }) => revocation)).toEqual([1, 2]);
    expect(rig.of('committed').at(-1)?.item.offset).toBe(1);
  });
});

describe('a sweep', () => {
  it('passes over what it has had already and takes what lies behind that in the same batch', () => {
    const rig = successor(4, [{ key: 'k', offset: 0 }]);
    const partition = rig.partition(0);
    rig.swept(partition, itemsOf(0, ['k', 'x']));
    rig.swept(partition, itemsOf(0, ['k', 'x', 'k', 'k']));
    expect(partition.sweep).toBeUndefined();
    const order: number[] = [];
    for (let run = rig.running[0]; run !== undefined; run = rig.running[0]) {
      order.push(run.item.offset);
      rig.finish(run);
    }
    expect(order).toEqual([0, 2, 3]);
  });

  it('in the middle of which the partition changes hands credits no task with the failures of another', () => {
    const rig = successor(4, [{ key: 'k', offset: 0, attempts: 7 }]);
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(0, 'k')]);
    expect(rig.runOf('k').attempt).toBe(8);
    rig.finish(rig.runOf('k'));
    expect(partition.commitState(statePin).lanes).toMatchObject([{ offset: 1, attempts: 0 }]);
  });
});

describe('a type in outage', () => {
  function inOutage(hung: readonly string[]): CoreRig {
    const rig = new CoreRig({ concurrency: OUTAGE_MIN_KEYS + 2 });
    const failing = Array.from({ length: OUTAGE_MIN_KEYS }, (_, i) => `failing ${i}`);
    rig.records(rig.take(0), itemsOf(0, [...hung, ...failing, 'next', 'after']));
    for (;;) {
      const run = rig.running.find(({ lane }) => !hung.includes(lane.key));
      if (run === undefined) break;
      rig.fail(run);
    }
    expect(rig.reports('outage-began')).toHaveLength(1);
    return rig;
  }

  it('is probed although a handler that was running when it began does not end', () => {
    const rig = inOutage(['hangs']);
    rig.pass(5_000);
    const probe = rig.running.find(({ lane }) => lane.key !== 'hangs');
    if (probe === undefined) throw new Error('no probe');
    rig.finish(probe);
    expect(rig.reports('outage-ended')).toHaveLength(1);
  });

  it('is probed again although a probe does not end, and ever more seldom', () => {
    const rig = inOutage([]);
    const starts: number[] = [];
    let seen = rig.running.length;
    for (let ms = 0; ms < 100_000; ms += 100) {
      rig.pass(100);
      if (rig.running.length > seen) starts.push(ms);
      seen = rig.running.length;
    }
    expect(starts.length).toBeGreaterThan(2);
    const pauses = starts.slice(1).map((ms, i) => ms - (starts[i] ?? 0));
    expect(pauses).toEqual([...pauses].sort((a, b) => a - b));
    expect(pauses[0]).toBeGreaterThanOrEqual(10_000);
    const [, second] = rig.running;
    if (second === undefined) throw new Error('no second probe');
    rig.finish(second);
    expect(rig.reports('outage-ended')).toHaveLength(1);
  });
});

describe('a budget that two workers share', () => {
  /** A worker with a backlog, and one that has nothing yet. */
  function pair(): { readonly busy: CoreRig; readonly quiet: CoreRig; readonly work: () => void } {
    const budget = new SharedBudget(10_000);
    const [busy, quiet] = [new CoreRig({}, { budget }), new CoreRig({ scope: 'other' }, { budget })];
    const partition = busy.take(0);
    quiet.take(0);
    const work = (): void => {
      const [run] = busy.running;
      if (run !== undefined) busy.finish(run);
      busy.pass(10);
      while (busy.core.wantedCount() > 0) {
        busy.records(partition, [
          itemOf(partition.nextOffset, `key ${partition.nextOffset}`, { bytes: 1_000 }),
        ]);
      }
    };
    return { busy, quiet, work };
  }

  it('lets the one read that waits, however much the other has to do', () => {
    const { quiet, work } = pair();
    let turns = 0;
    for (let i = 0; i < 60; i += 1) {
      work();
      quiet.pass(10);
      if (quiet.core.wantedCount() > 0) turns += 1;
    }
    expect(turns).toBeGreaterThan(5);
  });

  it('waits for nobody who does not ask any more', () => {
    const { busy, quiet, work } = pair();
    work();
    expect(quiet.core.wantedCount()).toBe(0); // and never again
    for (let i = 0; i < 200; i += 1) work();
    expect(busy.partition(0).nextOffset).toBeGreaterThan(80);
  });
});

describe('a commit that the group refuses as that of a stranger', () => {
  function refused(): CoreRig {
    const rig = new CoreRig();
    rig.records(rig.take(0), itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    rig.pass(100);
    rig.ack({ kind: 'fenced', code: 25, message: 'unknown member' });
    return rig;
  }

  it('leaves nothing unattended when the group goes on as if nothing had been: taken anew after a while', () => {
    const rig = refused();
    const claims = rig.of('claim').length;
    rig.pass(4_000);
    expect(rig.of('claim')).toHaveLength(claims);
    rig.pass(1_000);
    expect(rig.of('claim').slice(claims)).toMatchObject([{ partition: rig.partition(0) }]);
  });

  it('is forgotten when the group says that all is lost, and assigns anew', () => {
    const rig = refused();
    const claims = rig.of('claim').length;
    rig.tell((core, at) => core.lost(at, [0]));
    rig.pass(60_000);
    expect(rig.of('claim')).toHaveLength(claims);
    rig.assign(0);
    expect(rig.of('claim')).toHaveLength(claims + 1);
  });

  it('is not waited out when the group assigns the partition', () => {
    const rig = refused();
    const claims = rig.of('claim').length;
    rig.assign(0);
    expect(rig.of('claim')).toHaveLength(claims + 1);
    rig.pass(60_000);
    expect(rig.of('claim')).toHaveLength(claims + 1);
  });
});
