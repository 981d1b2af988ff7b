import { describe, expect, it } from 'vitest';
import { CoreRig, itemsOf } from '../../../test/support/core-rig.ts';
import { foldJournal } from '../../journal/journal.ts';
import type { CoreConfig } from './core-state.ts';

const MINUTE = 60_000;
const quick = { minDelayMs: 1, maxDelayMs: 1, giveUpAfterMs: 1e9, maxAttempts: undefined };
const keys = ['bad', 'a', 'b', 'bad'];

/** Another process that takes the partition over, so long after the last one, by what was committed and written down. */
function successor(former: CoreRig, config: Partial<CoreConfig>, laterMs = 0): CoreRig {
  const committed = former.of('committed').at(-1)?.item;
  const epoch = committed?.partition.epoch ?? -1;
  const rig = new CoreRig(config);
  rig.pass(former.nowMs - rig.nowMs + laterMs);
  while (rig.core.state.partitions.size < 5) rig.take(rig.core.state.partitions.size + 1); // later claims have higher epochs
  const confirm = { frontier: 0, topicId: 'topic', reason: 'taken' } as const;
  rig.take(0, {
    committed: committed && { offset: committed.offset, metadata: committed.metadata },
    history: foldJournal([
      { kind: 'claim', group: 'g', partition: 0, by: 'x', offset: epoch },
      { kind: 'confirm', group: 'g', partition: 0, epoch, ...confirm, offset: epoch + 0.5 },
    ]),
  });
  const partition = rig.partition(0);
  const items = itemsOf(0, keys);
  if (partition.sweep !== undefined) rig.swept(partition, items.slice(partition.sweep.at));
  rig.records(partition, items.slice(partition.nextOffset));
  rig.settle(); // after a crash the start of a suspect is committed first
  return rig;
}

/** Fails the task of `bad` so often; all others are done. */
function failing(config: Partial<CoreConfig>, times: number): CoreRig {
  const rig = new CoreRig(config);
  rig.records(rig.take(0), itemsOf(0, keys));
  for (const key of ['a', 'b']) rig.finish(rig.runOf(key));
  for (let i = 0; i < times; i += 1) {
    rig.fail(rig.runOf('bad'));
    if (i < times - 1) rig.pass(10);
  }
  return rig;
}

const waysOut: [string, (rig: CoreRig) => void][] = [
  [
    'a clean stop',
    (rig) => {
      rig.tell((core, at) => core.stopping(at));
      rig.tell((core, at) => core.revoked(at, 1, [0]));
      rig.settle();
      expect(rig.of('answer-revoke')).toHaveLength(1);
    },
  ],
  [
    'a rebalance',
    (rig) => {
      rig.tell((core, at) => core.revoked(at, 1, [0]));
      rig.settle();
    },
  ],
  [
    'a crash after the last commit',
    (rig) => {
      rig.settle();
    },
  ],
];

describe.each(waysOut)('after %s', (_how, leave) => {
  it('the number of tries goes on, up to giving up', () => {
    const config = { retry: { ...quick, maxAttempts: 5 } };
    const first = failing(config, 3);
    leave(first);
    const second = successor(first, config);
    expect(second.runOf('bad')).toMatchObject({ attempt: 4, item: { offset: 0 } });
    second.fail(second.runOf('bad'));
    expect(second.reports('key-held')).toEqual([]);
    leave(second);
    const third = successor(second, config);
    expect(third.runOf('bad').attempt).toBe(5);
    third.fail(third.runOf('bad'));
    expect(third.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 5, offset: 0 }]);
  });

  it('the time since the first failure goes on', () => {
    const config = { retry: { ...quick, giveUpAfterMs: 60 * MINUTE } };
    const first = failing(config, 2);
    leave(first);
    const second = successor(first, config, 40 * MINUTE);
    second.fail(second.runOf('bad'));
    expect(second.reports('key-held')).toEqual([]);
    leave(second);
    const third = successor(second, config, 25 * MINUTE);
    third.pass(1);
    third.fail(third.runOf('bad'));
    expect(third.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 4 }]);
  });

  it('nothing of it counts for the next task of the key', () => {
    const config = { retry: { ...quick, maxAttempts: 3 } };
    const first = failing(config, 2);
    leave(first);
    const second = successor(first, config);
    second.finish(second.runOf('bad'));
    second.settle(); // after a crash it is a suspect, too
    expect(second.runOf('bad')).toMatchObject({ attempt: 1, item: { offset: 3 } });
    second.fail(second.runOf('bad'));
    second.pass(10);
    second.settle();
    second.fail(second.runOf('bad'));
    expect(second.reports('key-held')).toEqual([]);
  });
});

it('what was not committed is lost with its process: the count falls behind, and never runs ahead', () => {
  const config = { retry: { ...quick, maxAttempts: 5 } };
  const first = failing(config, 2);
  first.settle();
  first.pass(10);
  first.fail(first.runOf('bad'));
  const second = successor(first, config);
  expect(second.runOf('bad').attempt).toBe(3);
});

it('a key that gave up and waits is tried once by its next owner, and gives up again at once', () => {
  const config = { retry: { ...quick, maxAttempts: 2 } };
  const first = failing(config, 2);
  expect(first.reports('key-held')).toHaveLength(1);
  first.settle();
  const second = successor(first, config);
  second.fail(second.runOf('bad'));
  expect(second.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 3 }]);
});

describe('an owner that begins while no task of a type succeeds', () => {
  const retry = { minDelayMs: 1_000, maxDelayMs: 10_000, giveUpAfterMs: 60 * MINUTE, maxAttempts: undefined };

  /** A task that has failed for longer than it may, and fails again in the hands of its next owner. */
  function failedForLong(finishFirst: boolean): CoreRig {
    const first = new CoreRig({ retry });
    first.records(first.take(0), itemsOf(0, keys));
    first.fail(first.runOf('bad'));
    first.settle();
    const rig = successor(first, { retry }, 90 * MINUTE);
    if (finishFirst) rig.finish(rig.runOf('a'));
    rig.fail(rig.runOf('bad'));
    return rig;
  }

  it('gives up none for what was before, as long as not all had the time for another try', () => {
    const rig = failedForLong(false);
    expect(rig.reports('key-held')).toEqual([]);
    rig.pass(9_000);
    rig.settle(); // it may have ended the process, as far as one knows
    rig.fail(rig.runOf('bad'));
    expect(rig.reports('key-held')).toEqual([]);
    rig.pass(10_000);
    rig.settle();
    rig.fail(rig.runOf('bad'));
    expect(rig.reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 4 }]);
  });

  it('gives up what has failed for too long once another one has succeeded', () => {
    expect(failedForLong(true).reports('key-held')).toMatchObject([{ reason: 'gave-up', attempts: 2 }]);
  });

  it('gives up what fails for too long in its own hands', () => {
    const brief = { ...retry, giveUpAfterMs: 3_000 };
    const rig = new CoreRig({ retry: brief });
    rig.records(rig.take(0), itemsOf(0, ['bad']));
    rig.fail(rig.runOf('bad'));
    rig.pass(3_500);
    rig.fail(rig.runOf('bad'));
    expect(rig.reports('key-held')).toMatchObject([{ reason: 'gave-up' }]);
  });
});
