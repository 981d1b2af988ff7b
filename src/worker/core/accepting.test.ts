import { describe, expect, it } from 'vitest';
import { CoreRig, itemOf, itemsOf } from '../../../test/support/core-rig.ts';
import { type Command, foldJournal, type WrittenEntry } from '../../journal/journal.ts';
import type { TakingFinding } from './judge-taking.ts';
import type { PartitionState } from './partition-state.ts';

const ids = { topicId: 'topic', statePin: 'abcdefghijklmnopqrstuv' };

function command(id: string, below: number, offset: number): Command {
  return { id, offset, key: '', by: 'ops', verb: { name: 'accept-loss', below, ...ids } };
}

/** An owner of epoch 3 had come to 10; the log starts at 15; what operators have asked for so far. */
function found(...commands: readonly Command[]): Partial<TakingFinding> {
  const place = { group: 'g', partition: 0 };
  const journal: WrittenEntry[] = [
    { kind: 'claim', ...place, by: 'w', offset: 3 },
    { kind: 'confirm', ...place, epoch: 3, frontier: 10, topicId: 'topic', reason: 'taken', offset: 4 },
    ...commands.map((one): WrittenEntry => ({ kind: 'command', ...place, ...one, atMs: 0 })),
  ];
  return { history: foldJournal(journal), logStart: 15 };
}

function halted(rig: CoreRig, ...commands: readonly Command[]): PartitionState {
  const partition = rig.assign(0);
  rig.claim(partition);
  rig.inspect(partition, found(...commands));
  expect(partition.phase).toBe('halted');
  return partition;
}

/** How commands ended: what is to be written, and what the CONFIRM has said. */
function outcomes(rig: CoreRig): string[] {
  const confirmed = rig.reports('command-done').filter(({ outcome }) => outcome === 'accepted');
  return [
    ...confirmed.map(({ command: id, outcome }) => `${id} ${outcome}`),
    ...rig
      .of('write')
      .map(({ write }) => (write.kind === 'done' ? `${write.command} ${write.outcome}` : write.kind)),
  ];
}

/** Every write of the core is durable. */
function writeAll(rig: CoreRig): void {
  for (const { partition, write } of rig.of('write')) {
    if (partition.phase !== 'gone') rig.tell((core, at) => core.written(at, partition, write));
  }
}

describe('a partition that is halted because tasks are lost', () => {
  it('is taken anew when somebody accepts that, and goes on behind it', () => {
    const rig = new CoreRig();
    const before = halted(rig);
    const accepted = command('c', 15, 102);
    rig.tell((core, at) => core.commanded(at, 0, accepted));
    const partition = rig.partition(0);
    expect([before.phase, partition.phase]).toEqual(['gone', 'claiming']);
    rig.claim(partition);
    rig.inspect(partition, found(accepted));
    expect(rig.reports('partition-note')).toMatchObject([
      { note: { kind: 'loss-accepted', reason: 'data-loss', from: 10, to: 15, by: 'ops', command: 'c' } },
    ]);
    expect(rig.ack()).toMatchObject([{ offset: 15 }]);
    expect(outcomes(rig)).toEqual([]); // not before it works
    rig.confirm(partition);
    expect(outcomes(rig)).toEqual(['c accepted']);
    rig.records(partition, [itemOf(15, 'a')]);
    expect(rig.runningKeys).toEqual(['a']);
  });

  it('needs no owner at the time: whoever takes it finds the command', () => {
    const rig = new CoreRig();
    const partition = rig.take(0, found(command('c', 15, 50), command('d', 14, 51), command('e', 20, 52)));
    expect(rig.reports('partition-halted')).toEqual([]);
    expect(outcomes(rig)).toEqual(['c accepted', 'e accepted', 'd not-enough']);
    expect(partition.accepted?.commands).toEqual(['c', 'e']);
    expect(partition.nextOffset).toBe(15);
  });

  it('says when that is not enough, starts nothing, and goes on with a command that is', () => {
    const rig = new CoreRig();
    halted(rig, command('c', 14, 50));
    expect(outcomes(rig)).toEqual(['c not-enough']);
    writeAll(rig);
    expect(rig.reports('command-done')).toMatchObject([
      { command: 'c', verb: 'accept-loss', outcome: 'not-enough' },
    ]);
    rig.tell((core, at) => core.commanded(at, 0, command('d', 15, 102)));
    const partition = rig.partition(0);
    expect(partition.phase).toBe('claiming');
    rig.claim(partition);
    rig.inspect(partition, found(command('d', 15, 102)));
    rig.ack();
    rig.confirm(partition);
    expect(outcomes(rig)).toEqual(['d accepted', 'c not-enough']);
  });

  it('hears a command that came while it was being looked at', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    const late = command('c', 15, partition.epoch + 1);
    rig.tell((core, at) => core.commanded(at, 0, late));
    rig.inspect(partition, found());
    expect(rig.reports('partition-halted')).toHaveLength(1);
    expect([partition.phase, rig.partition(0).phase]).toEqual(['gone', 'claiming']);
    expect(outcomes(rig)).toEqual([]);
  });

  it('asks no command twice that it knew when it was looked at', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    const early = command('c', 14, 50);
    rig.tell((core, at) => core.commanded(at, 0, early));
    rig.claim(partition);
    rig.inspect(partition, found(early));
    expect([partition.phase, outcomes(rig)]).toEqual(['halted', ['c not-enough']]);
  });

  it('is not given up for it before what ran has ended and is committed', () => {
    const rig = new CoreRig({ drainMs: 1_000 });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.tell((core, at) => core.tailStalled(at, partition, 9));
    rig.tell((core, at) => core.commanded(at, 0, command('c', 9, 102)));
    expect(rig.partition(0)).toBe(partition);
    rig.finish(rig.runOf('a'));
    expect(rig.partition(0)).toBe(partition);
    expect(rig.ack()).toMatchObject([{ offset: 1 }]);
    expect(rig.partition(0)).not.toBe(partition);
    expect(rig.of('abort')).toEqual([]);
  });

  it('does not wait for a handler that takes too long', () => {
    const rig = new CoreRig({ drainMs: 1_000 });
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.tell((core, at) => core.tailStalled(at, partition, 9));
    rig.tell((core, at) => core.commanded(at, 0, command('c', 9, 102)));
    rig.pass(999);
    expect(rig.partition(0)).toBe(partition);
    rig.pass(1);
    expect(rig.of('abort')).toMatchObject([{ reason: 'partition-lost' }]);
    expect(rig.partition(0).phase).toBe('claiming');
  });

  it('that is asked back is not taken anew: its next owner finds the command', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, [itemOf(0, 'a')]);
    rig.tell((core, at) => core.tailStalled(at, partition, 9));
    rig.tell((core, at) => core.commanded(at, 0, command('c', 9, 102)));
    rig.tell((core, at) => core.revoked(at, 1, [0]));
    rig.finish(rig.runOf('a'));
    rig.settle();
    expect(rig.core.state.partitions.size).toBe(0);
    expect(rig.core.state.retaking.size).toBe(0);
    expect(rig.of('answer-revoke')).toHaveLength(1);
  });

  it('keeps other commands for when it works', () => {
    const rig = new CoreRig();
    halted(rig);
    const park: Command = { id: 'p', offset: 102, key: 'k', by: 'ops', verb: { name: 'park' } };
    rig.tell((core, at) => core.commanded(at, 0, park));
    expect([rig.partition(0).phase, outcomes(rig)]).toEqual(['halted', []]);
  });
});

describe('a command from before somebody began to work', () => {
  const place = { group: 'g', partition: 0 };
  const old = command('c', 100, 5);
  const before: WrittenEntry[] = [
    { kind: 'claim', ...place, by: 'w', offset: 3 },
    { kind: 'confirm', ...place, epoch: 3, frontier: 10, topicId: 'topic', reason: 'taken', offset: 4 },
    { kind: 'command', ...place, ...old, atMs: 0 },
    { kind: 'claim', ...place, by: 'w', offset: 60 },
  ];

  it('accepts nothing that was lost since', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    const confirm = { kind: 'confirm', ...place, epoch: 60, frontier: 12, topicId: 'topic' } as const;
    const history = foldJournal([...before, { ...confirm, reason: 'taken', offset: 61 }]);
    rig.inspect(partition, { history, logStart: 15 });
    expect([partition.phase, outcomes(rig)]).toEqual(['halted', ['c not-enough']]);
  });

  it('holds for what whoever claimed it since has not passed over', () => {
    const rig = new CoreRig();
    const partition = rig.take(0, { history: foldJournal(before), logStart: 15 });
    expect([partition.phase, outcomes(rig)]).toEqual(['running', ['c accepted']]);
  });
});

describe('a partition that works', () => {
  it('has nothing to accept', () => {
    const rig = new CoreRig();
    const partition = rig.take(0);
    rig.records(partition, itemsOf(0, ['a']));
    rig.tell((core, at) => core.commanded(at, 0, command('c', 1, 102)));
    expect([partition.phase, outcomes(rig)]).toEqual(['running', ['c nothing-lost']]);
  });

  it('takes a command that came after it was taken for no acceptance of what was lost before', () => {
    const rig = new CoreRig();
    rig.take(0, found(command('c', 15, 50)));
    rig.tell((core, at) => core.commanded(at, 0, command('d', 15, 200)));
    expect(outcomes(rig)).toEqual(['c accepted', 'd nothing-lost']);
  });

  it('forgets what was accepted when its taking fails: that is judged once more', () => {
    const rig = new CoreRig();
    const partition = rig.assign(0);
    rig.claim(partition);
    rig.inspect(partition, found(command('c', 15, 50)));
    rig.tell((core, at) => core.takingFailed(at, partition));
    rig.pass(250);
    rig.claim(partition);
    rig.inspect(partition, { history: foldJournal([]) });
    rig.ack();
    rig.confirm(partition);
    expect(outcomes(rig)).toEqual([]);
  });
});
