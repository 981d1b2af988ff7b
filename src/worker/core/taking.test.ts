import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import { encodeMetadata } from './commit-metadata.ts';
import { keyHash } from './key-hash.ts';

/** Two keys that share a hash. */
const held = 'session-4011';
const twin = 'session-19526';

/** What an owner that died left behind: one key unfinished from 10, all else below 20 finished. */
function leftBehind(statePin: string): { committed: { offset: number; metadata: string } } {
  const { text } = encodeMetadata({
    frontier: 10,
    epoch: 40,
    clean: false,
    statePin,
    doneBelow: 20,
    horizon: 10,
    lanes: [{ hash: keyHash(held), offset: 10, attempts: 3, firstFailedAtMs: 1_700_000_000_000, starts: 0 }],
  });
  return { committed: { offset: 10, metadata: text } };
}

const history = foldJournal([
  { kind: 'claim', group: 'g', partition: 0, by: 'w', offset: 40 },
  {
    kind: 'confirm',
    group: 'g',
    partition: 0,
    epoch: 40,
    frontier: 5,
    topicId: 'topic',
    reason: 'taken',
    offset: 41,
  },
]);
const pin = 'abcdefghijklmnopqrstuv';

describe('taking a partition', () => {
  it('goes by CLAIM, taking commit and CONFIRM, and only then reads', () => {
    const rig = new CoreRig({ commitIntervalMs: 60_000 });
    const partition = rig.assign(3);
    expect(rig.effects.map(({ kind }) => kind)).toEqual(['claim']);
    rig.claim(partition);
    expect(rig.effects.map(({ kind }) => kind)).toEqual(['claim', 'inspect']);
    rig.inspect(partition);
    expect(rig.effects.map(({ kind }) => kind)).toEqual(['claim', 'inspect', 'commit']);
    rig.ack();
    expect(rig.effects.slice(3).map(({ kind }) => kind)).toEqual(['confirm', 'committed']);
    rig.confirm(partition);
    expect(rig.effects.slice(5)).toMatchObject([
      {
        kind: 'report',
        report: { kind: 'partition-started', partition: 3, epoch: partition.epoch, offset: 0 },
      },
      { kind: 'read', reading: { offset: 0 } },
    ]);
  });

  it('looks at what was committed only after a commit from before it was lost is answered', () => {
    const rig = new CoreRig({ commitIntervalMs: 0 });
    const before = rig.take(3);
    rig.records(before, itemsOf(0, ['a', 'b']));
    rig.finish(rig.runOf('a'));
    expect(rig.core.state.commitUnderWay).toBe(true);
    rig.tell((core, at) => core.lost(at, [3]));
    const again = rig.assign(3);
    rig.claim(again);
    const inspects = () =>
      rig.effects.filter((effect) => effect.kind === 'inspect' && effect.partition === again);
    expect(inspects()).toHaveLength(0);
    rig.ack();
    expect(inspects()).toHaveLength(1);
  });

  it('takes all that is assigned together in one commit', () => {
    const rig = new CoreRig();
    rig.tell((core, at) => core.assigned(at, [0, 1, 2]));
    for (const number of [0, 1, 2]) rig.claim(rig.partition(number));
    for (const number of [0, 1, 2]) rig.inspect(rig.partition(number));
    rig.ack();
    expect(rig.commit().map(({ partition }) => partition.partition)).toEqual([1, 2]);
  });

  it('restates what the owner before left, under the new epoch', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition, { history, ...leftBehind(pin) });
    expect(rig.commit()).toMatchObject([{ offset: 10, doneBelow: 20 }]);
    expect(partition.takenState).toMatchObject({
      epoch: partition.epoch,
      lanes: [{ offset: 10, attempts: 3 }],
    });
  });

  it('begins all over under a new claim when a step fails, later each time', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      if (i % 3 > 0) rig.claim(partition);
      if (i % 3 > 1) {
        rig.inspect(partition);
        rig.ack();
      }
      rig.tell((core, at) => core.takingFailed(at, partition));
      expect([partition.phase, partition.epoch]).toEqual(['claiming', -1]);
      const claims = rig.of('claim').length;
      let waitedMs = 0;
      while (rig.of('claim').length === claims) {
        rig.pass(250);
        waitedMs += 250;
      }
      waits.push(waitedMs);
    }
    expect(waits).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
    rig.claim(partition);
    rig.inspect(partition);
    rig.ack();
    rig.confirm(partition);
    expect(partition.phase).toBe('running');
  });

  it('claims again when somebody took the partition after our claim', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    const newer = encodeMetadata({
      frontier: 9,
      epoch: 5_000,
      clean: true,
      statePin: pin,
      doneBelow: 9,
      horizon: 9,
      lanes: [],
    });
    rig.inspect(partition, { committed: { offset: 9, metadata: newer.text } });
    expect(rig.of('commit')).toEqual([]);
    rig.pass(250);
    expect(rig.of('claim')).toHaveLength(2);
  });

  const done = {
    frontier: 10,
    epoch: 40,
    clean: true,
    statePin: pin,
    doneBelow: 10,
    horizon: 10,
    lanes: [],
  };
  const committed = { offset: 10, metadata: encodeMetadata({ ...done, leaderEpoch: 3 }).text };

  it('tries again while its log only seems to end too early, and stops when that lasts', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    const leaderEnds = new Map([[3, 10]]);
    for (let passedMs = 0; passedMs < 30_000; passedMs += 5_000) {
      rig.claim(partition);
      rig.inspect(partition, { history, committed, leaderEnds, logEnd: 8 });
      expect(partition.phase).toBe('claiming');
      rig.pass(5_000);
    }
    rig.claim(partition);
    rig.inspect(partition, { history, committed, leaderEnds, logEnd: 8 });
    expect(rig.reports('partition-halted')).toMatchObject([{ reason: 'data-loss', from: 8, to: 10 }]);
    expect(rig.of('write')).toMatchObject([{ write: { kind: 'truncated', from: 8, to: 10 } }]);
  });

  it('begins to doubt anew once it has ended where it should', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    const found = { history, committed, leaderEnds: new Map([[3, 10]]) };
    rig.claim(partition);
    rig.inspect(partition, { ...found, logEnd: 8 });
    rig.pass(5_000);
    rig.claim(partition);
    rig.inspect(partition, { ...found, logEnd: 10 });
    rig.tell((core, at) => core.takingFailed(at, partition));
    rig.pass(40_000);
    rig.claim(partition);
    rig.inspect(partition, { ...found, logEnd: 8 });
    expect(partition.phase).toBe('claiming');
  });

  it('stops and says why when nobody can know where to start', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition, { history, ...leftBehind('another') });
    expect(partition.phase).toBe('halted');
    expect(rig.reports('partition-halted')).toEqual([
      { kind: 'partition-halted', partition: 0, reason: 'state-topic-lost', from: 10, to: 10 },
    ]);
    rig.pass(1e9);
    expect(rig.of('commit')).toEqual([]);
  });

  it('says what an operator should know and goes on', () => {
    const rig = new CoreRig();
    const partition = rig.take(0, { history, committed: { offset: 2, metadata: '' } });
    expect(rig.reports('partition-note')).toMatchObject([
      { note: { kind: 'rewind-obeyed', offset: 2, was: 5 } },
    ]);
    expect(partition.nextOffset).toBe(2);
  });

  it('ignores an assignment of what it has', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.tell((core, at) => core.assigned(at, [0]));
    expect(rig.partition(0)).toBe(partition);
  });
});

describe('a key that the owner before left unfinished', () => {
  function takenOver(): CoreRig {
    const rig = new CoreRig();
    rig.take(0, { history, ...leftBehind(pin) });
    return rig;
  }

  it('is read again from its first unfinished task; the tail goes on behind all that is known', () => {
    const rig = takenOver();
    expect(rig.of('read')).toMatchObject([{ reading: { offset: 20 } }]);
    expect(rig.of('sweep')).toMatchObject([{ reading: { offset: 10 } }]);
  });

  it('runs nothing from the tail before the sweep has passed', () => {
    const rig = takenOver();
    const partition = rig.partition(0);
    rig.records(partition, [itemOf(20, held), itemOf(21, 'other')]);
    expect(rig.runningKeys).toEqual(['other']);
    rig.swept(partition, [itemOf(10, held), itemOf(11, 'done'), itemOf(12, held)]);
    expect(rig.runningKeys).toEqual(['other', held]);
    expect(rig.runOf(held)).toMatchObject({ item: { offset: 10 }, attempt: 4 });
    rig.finish(rig.runOf(held));
    expect(rig.runOf(held).item.offset).toBe(12);
    rig.finish(rig.runOf(held));
    expect(rig.runningKeys).toEqual(['other']); // 13 to 19 are not known yet
    rig.swept(
      partition,
      [13, 14, 15, 16, 17, 18, 19].map((offset) => itemOf(offset, offset === 18 ? held : 'done')),
    );
    expect(rig.of('stop-sweep')).toHaveLength(1);
    expect(rig.runOf(held).item.offset).toBe(18);
    rig.finish(rig.runOf(held));
    expect(rig.runOf(held).item.offset).toBe(20);
    rig.finish(rig.runOf(held));
    rig.finish(rig.runOf('other'));
    expect(partition.commitState('')).toMatchObject({ frontier: 22, doneBelow: 22, lanes: [] });
  });

  it('is said to be unfinished in every commit until the sweep has passed', () => {
    const rig = takenOver();
    const partition = rig.partition(0);
    rig.records(partition, [itemOf(20, 'other')]);
    rig.finish(rig.runOf('other'));
    expect(partition.commitState('')).toMatchObject({
      frontier: 10,
      doneBelow: 21,
      lanes: [{ hash: keyHash(held), offset: 10 }],
    });
    rig.swept(partition, [itemOf(10, held)]);
    rig.finish(rig.runOf(held));
    expect(partition.commitState('')).toMatchObject({ frontier: 11, lanes: [{ offset: 11 }] });
  });

  it('that shares its hash with a finished key runs that one again, and skips nothing', () => {
    const rig = takenOver();
    const partition = rig.partition(0);
    expect(keyHash(twin)).toBe(keyHash(held));
    rig.swept(partition, [itemOf(10, held), itemOf(11, twin), itemOf(12, 'done')]);
    expect(rig.runningKeys).toEqual([held, twin]);
  });

  it('misses nothing that its sweep was not brought', () => {
    const rig = takenOver();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(12, 'done')]);
    expect(rig.of('sweep').at(-1)?.reading.offset).toBe(10);
    rig.swept(partition, [itemOf(10, held), itemOf(11, 'done')]);
    expect(rig.runningKeys).toEqual([held]);
    rig.swept(partition, [itemOf(14, 'done')]);
    rig.swept(partition, [itemOf(14, 'done')]);
    rig.tell((core, at) => core.sweepGapChecked(at, partition, { start: 13, found: 14 }));
    expect(rig.reports('partition-halted')).toMatchObject([{ reason: 'data-loss', from: 12, to: 13 }]);
  });

  it('whose tasks turn out to be gone leaves room for others that could not start', () => {
    const lanes = Array.from({ length: 700 }, (_, i) => ({
      hash: keyHash(`restored ${i}`),
      offset: 1_000 + i,
      attempts: 0,
      firstFailedAtMs: undefined,
      starts: 0,
    }));
    const { text, doneBelow } = encodeMetadata({
      frontier: 1_000,
      epoch: 40,
      clean: true,
      statePin: pin,
      doneBelow: 5_000,
      horizon: 1_000,
      lanes,
    });
    const rig = new CoreRig({ concurrency: 10 });
    const partition = rig.take(0, { history, committed: { offset: 1_000, metadata: text } });
    rig.records(partition, [itemOf(doneBelow, 'new')]);
    if (rig.core.state.commitUnderWay) rig.ack();
    expect(rig.reports('partition-full')).toHaveLength(1);
    expect(rig.running).toEqual([]);
    for (let offset = 1_000; offset < doneBelow; offset += 1) rig.swept(partition, [itemOf(offset, 'done')]);
    expect(rig.runningKeys).toEqual(['new']);
  });

  it('is lost when the log no longer has its tasks: the partition stops', () => {
    const rig = takenOver();
    const partition = rig.partition(0);
    rig.swept(partition, [itemOf(10, held)]);
    rig.tell((core, at) => core.sweepStalled(at, partition, 15));
    expect(rig.reports('partition-halted')).toMatchObject([{ reason: 'data-loss', from: 11, to: 15 }]);
    expect(partition.phase).toBe('halted');
  });
});
