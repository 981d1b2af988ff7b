import { describe, expect, it } from 'vitest';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { OptionsError } from '../errors/options-error.ts';
import { QueueClosedError } from '../errors/parked-errors.ts';
import type { ParkedListOptions } from './parked-tasks.ts';

async function keysOf(rig: OperatorRig, options?: ParkedListOptions): Promise<string[]> {
  return (await rig.queue.parked.list(options)).parked.map(({ key }) => key);
}

describe('parked.list', () => {
  it('tells what is parked in all partitions, oldest first', async () => {
    await using rig = await OperatorRig.open();
    const later = rig.mark('b', { atMs: 2_000, error: 'no such account', id: 't7', from: 12 });
    rig.mark('d', { partition: 1, atMs: 1_500 });
    rig.mark('é', { atMs: 1_000 });
    const { parked, next } = await rig.queue.parked.list();
    expect(parked.map(({ key }) => key)).toEqual(['é', 'd', 'b']);
    expect(next).toBeUndefined();
    expect(parked[2]).toEqual({
      partition: 0,
      mark: later,
      key: 'b',
      scope: 'key',
      type: 'work',
      id: 't7',
      reason: 'gave-up',
      error: 'no such account',
      parkedAt: new Date(2_000),
      from: 12n,
      done: undefined,
      redrives: 0,
      underWay: undefined,
    });
  });

  it('tells how far redrives came, how often they failed, and which command is under way', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    const order = { kind: 'command', key: 'a', by: 'me', atMs: 1 } as const;
    rig.write(0, { ...order, id: 'first', verb: { name: 'redrive', mark } });
    rig.write(0, { kind: 'progress', epoch: rig.epoch(0), mark, done: 4 });
    rig.done(0, 'first', 'gave-up');
    rig.write(0, { ...order, id: 'second', verb: { name: 'redrive', mark } });
    const { parked } = await rig.queue.parked.list();
    expect(parked[0]).toMatchObject({
      done: 4n,
      redrives: 1,
      underWay: { command: 'second', verb: 'redrive' },
    });
  });

  it('leaves out what was ended, and what an owner wrote that had been replaced', async () => {
    await using rig = await OperatorRig.open();
    const ended = rig.mark('a');
    rig.write(0, {
      kind: 'cleared',
      epoch: rig.epoch(0),
      mark: ended,
      how: 'redriven',
      upTo: 9,
      command: '',
    });
    rig.mark('b');
    const replaced = rig.takeOver(0);
    rig.mark('c', { epoch: replaced });
    expect(await keysOf(rig)).toEqual(['b']);
  });

  it('sees what was parked since it was asked before', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    expect(await keysOf(rig)).toEqual(['a']);
    rig.mark('b');
    const [first, second] = await Promise.all([keysOf(rig), keysOf(rig)]);
    expect(first).toEqual(['a', 'b']);
    expect(second).toEqual(['a', 'b']);
  });

  it('begins anew on a journal that was made anew', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    expect(await keysOf(rig)).toEqual(['a']);
    rig.rig.cluster.deleteTopic('q.state');
    rig.rig.cluster.createTopic('q.state', { partitions: 2 });
    expect(await keysOf(rig)).toEqual([]);
  });

  it('is about one group', async () => {
    await using rig = await OperatorRig.open('billing');
    rig.mark('a');
    expect(await keysOf(rig, { group: 'billing' })).toEqual(['a']);
    expect(await keysOf(rig)).toEqual([]);
  });

  it.each<[string, ParkedListOptions, string[]]>([
    ['key', { key: 'b' }, ['b']],
    ['type', { type: 'short' }, ['b', 'd']],
    ['id', { id: 'c-first' }, ['c']],
    ['time, from and up to', { after: new Date(2_000), before: new Date(4_000) }, ['b', 'c']],
    ['several at once', { type: 'short', after: new Date(3_000) }, ['d']],
    ['what nothing fits', { key: 'z' }, []],
  ])('selects by %s', async (_what, options, expected) => {
    await using rig = await OperatorRig.open();
    rig.mark('a', { atMs: 1_000 });
    rig.mark('b', { atMs: 2_000, type: 'short' });
    rig.mark('c', { atMs: 3_000 });
    rig.mark('d', { atMs: 4_000, type: 'short', partition: 1 });
    expect(await keysOf(rig, options)).toEqual(expected);
  });

  it('goes page by page, also while marks come and go', async () => {
    await using rig = await OperatorRig.open();
    const marks = ['a', 'b', 'c', 'e'].map((key) => rig.mark(key));
    const { parked, next = '' } = await rig.queue.parked.list({ limit: 2 });
    expect(parked.map(({ key }) => key)).toEqual(['a', 'b']);
    const [, b = -1] = marks;
    rig.write(0, { kind: 'cleared', epoch: rig.epoch(0), mark: b, how: 'redriven', upTo: 9, command: '' });
    rig.mark('o', { atMs: 500 });
    const rest = await rig.queue.parked.list({ limit: 2, cursor: next });
    expect(rest.parked.map(({ key }) => key)).toEqual(['c', 'e']);
    expect(rest.next).toBeUndefined();
  });

  it.each<[string, unknown, string[]]>([
    ['no limit', { limit: 0 }, ['limit']],
    ['a cursor of something else', { cursor: 'x' }, ['cursor']],
    ['a time as text', { before: '2026-01-01' }, ['before']],
    ['a mistyped name', { gruop: 'g' }, ['gruop']],
    ['an empty key', { key: '' }, ['key']],
  ])('refuses %s', async (_what, options, paths) => {
    await using rig = await OperatorRig.open();
    const error = await rig.queue.parked.list(options as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OptionsError);
    expect(error instanceof OptionsError ? error.problems.map(({ path }) => path) : []).toEqual(paths);
  });

  it('ends with the queue', async () => {
    const rig = await OperatorRig.open();
    await rig.queue.close();
    await expect(rig.queue.parked.list()).rejects.toBeInstanceOf(QueueClosedError);
    await rig[Symbol.asyncDispose]();
  });

  it('ends when its caller no longer wants it', async () => {
    await using rig = await OperatorRig.open();
    await expect(rig.queue.parked.list({ signal: AbortSignal.abort('enough') })).rejects.toBe('enough');
  });
});
