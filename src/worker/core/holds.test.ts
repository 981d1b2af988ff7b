import { describe, expect, it } from 'vitest';
import { itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { ParkedRig } from '../../../test/support/parked-rig.ts';
import { type Command, foldJournal } from '../../journal/journal.ts';
import type { CoreConfig } from './core-state.ts';

/** What is recorded as a job is work now. */
const typePolicy: CoreConfig['typePolicy'] = (recorded) => ({
  name: recorded === 'job' ? 'work' : recorded,
  retry: { minDelayMs: 200, maxDelayMs: 60_000, giveUpAfterMs: 86_400_000, maxAttempts: undefined },
  concurrency: Number.POSITIVE_INFINITY,
  rateLimit: undefined,
});

describe('a type that is held by one of its names', () => {
  it.each(['job', 'work'])('(%s) is held under all that this worker knows it by', (name) => {
    const at = new ParkedRig({ typePolicy });
    at.command('', { name: 'hold-type', type: name });
    at.rig.records(at.partition, [
      itemOf(0, 'old', { type: 'job' }),
      itemOf(1, 'new', { type: 'work' }),
      itemOf(2, 'other', { type: 'mail' }),
    ]);
    expect(at.rig.runningKeys).toEqual(['other']);
    at.command('', { name: 'release-type', type: name });
    expect(at.rig.runningKeys).toEqual(['other', 'old', 'new']);
  });

  it('goes on when it is held by none of them', () => {
    const at = new ParkedRig({ typePolicy });
    for (const type of ['job', 'work', 'mail']) at.command('', { name: 'hold-type', type });
    at.rig.records(at.partition, [itemOf(0, 'old', { type: 'job' }), itemOf(1, 'new', { type: 'work' })]);
    at.command('', { name: 'release-type', type: 'job' });
    expect(at.rig.runningKeys).toEqual([]);
    at.command('', { name: 'release-type', type: 'work' });
    expect(at.rig.runningKeys).toEqual(['old', 'new']);
  });
});

describe('holds and releases are told', () => {
  it('of a key, once a command, and not for each task', () => {
    const at = new ParkedRig();
    const hold = at.command('k', { name: 'hold' });
    at.rig.tell((core, now) => core.commanded(now, 0, hold)); // it is in the journal twice
    at.rig.records(at.partition, itemsOf(0, ['k', 'k']));
    const release = at.command('k', { name: 'release' });
    at.finishAll();
    const about = { partition: 0, key: 'k', type: undefined, by: 'me' };
    expect(at.rig.reports('held-by-operator')).toEqual([
      { kind: 'held-by-operator', ...about, command: hold.id },
    ]);
    expect(at.rig.reports('released-by-operator')).toEqual([
      { kind: 'released-by-operator', ...about, command: release.id },
    ]);
  });

  it('of a type, once a command, however many keys stop for it', () => {
    const at = new ParkedRig();
    const hold = at.command('', { name: 'hold-type', type: 'job' });
    at.rig.records(at.partition, itemsOf(0, ['a', 'b', 'c']));
    const release = at.command('', { name: 'release-type', type: 'job' });
    const about = { partition: 0, key: undefined, type: 'job', by: 'me' };
    expect(at.rig.reports('held-by-operator')).toEqual([
      { kind: 'held-by-operator', ...about, command: hold.id },
    ]);
    expect(at.rig.reports('released-by-operator')).toEqual([
      { kind: 'released-by-operator', ...about, command: release.id },
    ]);
    expect(at.rig.reports('key-held')).toEqual([]);
  });

  it('when the work begins, of those that came while the partition was being taken', () => {
    const { rig } = new ParkedRig();
    const partition = rig.assign(1);
    rig.claim(partition);
    const offset = partition.epoch + 5;
    const hold: Command = { id: 'c', offset, key: 'k', by: 'me', verb: { name: 'hold' } };
    rig.tell((core, at) => core.commanded(at, 1, hold));
    rig.inspect(partition);
    rig.ack();
    expect(rig.reports('held-by-operator')).toEqual([]);
    rig.confirm(partition);
    expect(rig.reports('held-by-operator')).toMatchObject([{ partition: 1, key: 'k', command: 'c' }]);
  });
});

describe('holds that are in the journal when a partition is taken', () => {
  const heldKeys = new Set(['k', 'l']);
  const heldTypes = new Set(['mail']);

  it('are told when its work begins, in one report', () => {
    const { rig } = new ParkedRig();
    const partition = rig.assign(1);
    rig.claim(partition);
    rig.inspect(partition, { history: { ...foldJournal([]), heldKeys, heldTypes } });
    rig.ack();
    expect(rig.reports('holds-found')).toEqual([]);
    rig.confirm(partition);
    expect(rig.reports('holds-found')).toEqual([
      { kind: 'holds-found', partition: 1, keys: ['k', 'l'], types: ['mail'] },
    ]);
    expect(rig.reports('held-by-operator')).toEqual([]);
  });

  it.each([
    ['keys', { heldKeys }],
    ['types', { heldTypes }],
  ] as const)('are told when there are only %s', (_what, holds) => {
    const at = new ParkedRig({}, { history: { ...foldJournal([]), ...holds } });
    expect(at.rig.reports('holds-found')).toHaveLength(1);
  });

  it('are not told when there are none', () => {
    expect(new ParkedRig().rig.reports('holds-found')).toEqual([]);
  });
});
