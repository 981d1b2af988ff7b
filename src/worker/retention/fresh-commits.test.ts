import { expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { CommitItem } from '../core/effects.ts';
import { PartitionState } from '../core/partition-state.ts';
import { FreshCommits } from './fresh-commits.ts';

function commitsOf() {
  const clock = new ManualClock();
  const asked: (readonly PartitionState[])[] = [];
  const commits = new FreshCommits((partitions) => {
    asked.push(partitions);
    for (const one of partitions) one.changes += 1;
  }, clock);
  const [a, b] = [new PartitionState(0), new PartitionState(1)];
  return { clock, asked, commits, a, b };
}

function item(partition: PartitionState, changes = partition.changes): CommitItem {
  return { partition, changes, offset: 0, metadata: '', doneBelow: 0, horizon: 0 };
}

it('resolves as soon as all have been acknowledged, and not before', async () => {
  const { clock, commits, a, b } = commitsOf();
  let found: ReadonlySet<PartitionState> | undefined;
  const waiting = commits.request([a, b], 100).then((acked) => {
    found = acked;
  });
  commits.acknowledged(item(a));
  await clock.advance(1);
  expect(found).toBe(undefined);
  commits.acknowledged(item(b));
  await waiting;
  expect(found).toEqual(new Set([a, b]));
  expect(clock.pendingCount).toBe(0);
});

it('counts no commit that was sent before it asked', async () => {
  const { clock, commits, a } = commitsOf();
  const waiting = commits.request([a], 100);
  commits.acknowledged(item(a, a.changes - 1));
  await clock.advance(100);
  expect(await waiting).toEqual(new Set());
});

it('has what there is when the time is up, and begins anew with the next call', async () => {
  const { clock, commits, a, b } = commitsOf();
  const waiting = commits.request([a, b], 100);
  commits.acknowledged(item(b));
  await clock.advance(100);
  expect(await waiting).toEqual(new Set([b]));
  commits.acknowledged(item(a)); // too late for that call, and nobody waits
  const next = commits.request([a], 100);
  await clock.advance(100);
  expect(await next).toEqual(new Set());
});

it('asks for nothing where nothing is wanted', async () => {
  const { clock, asked, commits } = commitsOf();
  expect(await commits.request([], 100)).toEqual(new Set());
  expect([asked, clock.pendingCount]).toEqual([[], 0]);
});

it('ends with the worker, at once, and asks for nothing from then on', async () => {
  const { asked, commits, a, b } = commitsOf();
  commits.acknowledged(item(a)); // before anything was asked for
  const waiting = commits.request([a, b], 100);
  commits.acknowledged(item(a));
  commits.close();
  expect(await waiting).toEqual(new Set([a]));
  expect(await commits.request([a], 100)).toEqual(new Set());
  expect(asked).toHaveLength(1);
});
