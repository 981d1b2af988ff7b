import { describe, expect, it } from 'vitest';
import { OperatorRig } from '../../test/support/operator-rig.ts';
import { OptionsError } from '../errors/options-error.ts';
import { RedriveLoopError } from '../errors/parked-errors.ts';
import { CommandsFailedError } from './command-report.ts';

/** Redrives of a mark that gave up. */
function failRedrives(rig: OperatorRig, mark: number, count: number): void {
  for (let n = 0; n < count; n += 1) {
    const id = `failed-${mark}-${n}`;
    rig.write(0, { kind: 'command', id, key: 'a', by: 'me', atMs: 1, verb: { name: 'redrive', mark } });
    rig.done(0, id, 'gave-up');
  }
}

/** Commands that the test gave, not those of `failRedrives`. */
function sent(rig: OperatorRig): unknown[] {
  return rig
    .commands()
    .flatMap(({ id, partition, verb, by }) => (id.startsWith('failed-') ? [] : [{ partition, ...verb, by }]));
}

async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'it was taken',
    (error: unknown) => error,
  );
}

describe('parked.redrive and parked.discard', () => {
  it('send one command for each mark, and say who asked', async () => {
    await using rig = await OperatorRig.open();
    const a = rig.mark('a');
    const d = rig.mark('d', { partition: 1 });
    const report = await rig.queue.parked.redrive({ all: true }, { by: 'alice' });
    expect(sent(rig)).toEqual([
      { partition: 0, name: 'redrive', mark: a, by: 'alice' },
      { partition: 1, name: 'redrive', mark: d, by: 'alice' },
    ]);
    expect(report.commands).toMatchObject([
      { partition: 0, mark: a, key: 'a', outcome: undefined },
      { partition: 1, mark: d, key: 'd', outcome: undefined },
    ]);
    expect(report.skipped).toEqual([]);
    expect(rig.commands().map(({ id }) => id)).toEqual(report.commands.map(({ id }) => id));
  });

  it('name this process when nobody else is named', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    await rig.queue.parked.discard({ key: 'a' });
    expect(sent(rig)).toMatchObject([
      { name: 'discard', by: expect.stringMatching(new RegExp(`^.+@.+:${process.pid}$`)) },
    ]);
  });

  it('send nothing on a dry run, and say what they would send', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    rig.mark('b');
    const report = await rig.queue.parked.redrive({ key: 'b' }, { dryRun: true });
    expect(report.selected).toMatchObject([{ key: 'b', id: 'b-first' }]);
    expect(report.commands).toEqual([]);
    expect(rig.commands()).toEqual([]);
  });

  it('take what list gave, and say what is not parked any more', async () => {
    await using rig = await OperatorRig.open();
    const a = rig.mark('a');
    rig.mark('b');
    const { parked } = await rig.queue.parked.list();
    rig.write(0, { kind: 'cleared', epoch: rig.epoch(0), mark: a, how: 'redriven', upTo: 9, command: '' });
    const report = await rig.queue.parked.redrive({ marks: parked });
    expect(report.commands).toMatchObject([{ key: 'b' }]);
    expect(report.skipped).toEqual([{ partition: 0, mark: a, reason: 'not-parked' }]);
    const [, b] = parked;
    if (b === undefined) throw new Error('b was not listed');
    expect(await rig.queue.parked.discard(b)).toMatchObject({ skipped: [{ reason: 'under-way' }] });
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['undefined', undefined],
    ['all and something else', { all: true, key: 'a' }],
    ['marks and something else', { marks: [], key: 'a' }],
    ['half of a name', { partition: 0 }],
    ['a mistyped name', { kye: 'a' }],
  ])('refuse %s as a selection', async (_what, selection) => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    expect(await refusal(rig.queue.parked.redrive(selection as never))).toBeInstanceOf(OptionsError);
    expect(await refusal(rig.queue.parked.discard(selection as never))).toBeInstanceOf(OptionsError);
    expect(rig.commands()).toEqual([]);
  });

  it('say what was wrong with a selection, its key in plain', async () => {
    await using rig = await OperatorRig.open();
    const error = await refusal(rig.queue.parked.redrive({ key: 'order 7', all: true } as never));
    expect(error).toMatchObject({ problems: [{ value: '{"key":"order 7","all":true}' }] });
    expect(await refusal(rig.queue.parked.list({ key: 7 } as never))).toMatchObject({
      problems: [{ path: 'key', value: '7' }],
    });
  });

  it('discard one task, as show gave it', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    rig.copy(await rig.record('a', 0), { mark, offset: 3 });
    for await (const task of rig.queue.parked.show({ key: 'a' })) await rig.queue.parked.discard(task);
    expect(sent(rig)).toMatchObject([{ partition: 0, name: 'discard-task', mark, offset: 3 }]);
  });

  it('are about one group', async () => {
    await using rig = await OperatorRig.open('billing');
    rig.mark('a');
    expect(await rig.queue.parked.redrive({ all: true })).toMatchObject({ selected: [] });
    await rig.queue.parked.redrive({ all: true }, { group: 'billing' });
    expect(rig.commands()).toMatchObject([{ group: 'billing' }]);
  });
});

describe('a mark whose redrives gave up 5 times', () => {
  it('is refused when it is all there is', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    failRedrives(rig, mark, 5);
    const error = await refusal(rig.queue.parked.redrive({ all: true }));
    expect(error).toBeInstanceOf(RedriveLoopError);
    expect(error).toMatchObject({ code: 'REDRIVE_LOOP', key: 'a', partition: 0, mark, redrives: 5 });
    expect(sent(rig)).toEqual([]);
  });

  it('is passed over among others, with the reason', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    failRedrives(rig, mark, 5);
    rig.mark('b');
    const report = await rig.queue.parked.redrive({ all: true });
    expect(report.commands).toMatchObject([{ key: 'b' }]);
    expect(report.skipped).toMatchObject([{ mark, reason: 'redrive-loop', error: { redrives: 5 } }]);
  });

  it('is redriven by force, and discarded without', async () => {
    await using rig = await OperatorRig.open();
    const mark = rig.mark('a');
    failRedrives(rig, mark, 5);
    await rig.queue.parked.redrive({ all: true }, { force: true });
    expect(sent(rig)).toMatchObject([{ name: 'redrive', mark }]);
    const other = rig.mark('b');
    failRedrives(rig, other, 5);
    await rig.queue.parked.discard({ key: 'b' });
    expect(sent(rig)).toMatchObject([
      { name: 'redrive', mark },
      { name: 'discard', mark: other },
    ]);
  });

  it('is one that failed 5 times, not 4', async () => {
    await using rig = await OperatorRig.open();
    failRedrives(rig, rig.mark('a'), 4);
    expect((await rig.queue.parked.redrive({ all: true })).commands).toHaveLength(1);
  });
});

describe('with waitMs', () => {
  it('each command is reported with its end', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    rig.mark('b');
    const stop = rig.onCommand(({ id, key, verb }) => {
      if (verb.name !== 'redrive') return;
      const { mark } = verb;
      const epoch = rig.epoch(0);
      if (key === 'a') rig.write(0, { kind: 'cleared', epoch, mark, how: 'redriven', upTo: 9, command: id });
      else rig.done(0, id, 'gave-up');
    });
    const report = await rig.queue.parked.redrive({ all: true }, { waitMs: 60_000 });
    stop();
    expect(report.commands).toMatchObject([
      { key: 'a', outcome: 'redriven' },
      { key: 'b', outcome: 'gave-up' },
    ]);
  });

  it('an end that an owner wrote after it was replaced is none', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    let replaced = -1;
    const stop = rig.onCommand(({ id }) => {
      replaced = rig.takeOver(0);
      rig.done(0, id, 'gave-up', replaced);
    });
    const report = await rig.queue.parked.redrive({ all: true }, { waitMs: 30 });
    stop();
    expect(replaced).toBeGreaterThanOrEqual(0);
    expect(report.commands).toMatchObject([{ key: 'a', outcome: undefined }]);
  });

  it('what was sent is reported also when the waiting is cut off', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    const wanted = new AbortController();
    const stop = rig.onCommand(() => wanted.abort());
    const report = await rig.queue.parked.redrive({ all: true }, { waitMs: 60_000, signal: wanted.signal });
    stop();
    expect(report.commands).toMatchObject([{ key: 'a', outcome: undefined }]);
  });

  it('the closing of the queue ends the waiting', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    let closed: Promise<void> | undefined;
    const stop = rig.onCommand(() => {
      closed = rig.queue.close();
    });
    const report = await rig.queue.parked.redrive({ all: true }, { waitMs: 60_000 });
    stop();
    await closed;
    expect(report.commands).toMatchObject([{ outcome: undefined }]);
  });
});

describe('when commands cannot be written', () => {
  it('it is said which were, and the rest is not tried', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    rig.mark('b');
    rig.mark('d', { partition: 1 });
    const tooLarge = { kind: 'too-large', code: 10, message: 'no' } as const;
    rig.rig.cluster.faults.refuseAppend({ topic: 'q.state', partition: 1 }, tooLarge);
    const error = await refusal(rig.queue.parked.redrive({ all: true }));
    expect(error).toBeInstanceOf(CommandsFailedError);
    if (!(error instanceof CommandsFailedError)) return;
    expect(error.report.commands.map(({ key }) => key)).toEqual(['a', 'b']);
    expect(error.report.skipped).toMatchObject([{ partition: 1, reason: 'unconfirmed' }]);
    expect(error.cause).toBeDefined();
  });

  it('what is left is said when the sending is cut off', async () => {
    await using rig = await OperatorRig.open();
    rig.mark('a');
    rig.mark('b', { atMs: 5_000 });
    const wanted = new AbortController();
    const stop = rig.onCommand(() => wanted.abort());
    const report = await rig.queue.parked.redrive({ all: true }, { perSecond: 0.001, signal: wanted.signal });
    stop();
    expect(report.commands).toMatchObject([{ key: 'a' }]);
    expect(report.skipped).toMatchObject([{ reason: 'not-sent' }]);
  });
});
