import { expect, test } from 'vitest';
import { World } from './confluent-world.ts';

test('offset 0 is told from "never committed", and metadata comes back as it was', async () => {
  await using world = await World.open(3);
  const member = world.member();
  await member.join();
  await member.until(({ owned }) => owned.length === 3);
  const metadata = `${'ü'.repeat(10)}${'x'.repeat(3_900)}`;
  const [first, second, third] = world.partitions(0, 1, 2);
  if (first === undefined || second === undefined || third === undefined) throw new Error('three partitions');
  const outcomes = await member.membership.commit([
    { ...first, offset: 0, metadata: '' },
    { ...second, offset: 5, metadata },
  ]);
  expect(outcomes).toEqual([
    { ...first, failure: undefined },
    { ...second, failure: undefined },
  ]);
  expect(await member.membership.committed([first, second, third])).toEqual([
    { ...first, offset: 0, metadata: '' },
    { ...second, offset: 5, metadata },
    { ...third, offset: undefined, metadata: '' },
  ]);
});

test('a refused partition does not hide that the others were stored', async () => {
  await using world = await World.open(4);
  const member = world.member();
  await member.join();
  await member.until(({ owned }) => owned.length === 4);
  const good = world.partitions(0, 1, 2, 3).map((one) => ({ ...one, offset: 7, metadata: 'm' }));
  const missing = { topic: `${world.topic}-missing`, partition: 0, offset: 7, metadata: 'm' };
  const outcomes = await member.membership.commit([...good.slice(0, 2), missing, ...good.slice(2)]);
  expect(outcomes.map(({ failure }) => failure?.kind)).toEqual([
    undefined,
    undefined,
    'unknown-topic',
    undefined,
    undefined,
  ]);
  const stored = await member.membership.committed(good);
  expect(stored.map(({ offset }) => offset)).toEqual([7, 7, 7, 7]);
});

test('commits given at once are answered each for itself, the last one stays', async () => {
  await using world = await World.open(1);
  const member = world.member({ protocol: 'consumer' });
  await member.join();
  await member.until(({ owned }) => owned.length === 1);
  const [one] = world.partitions(0);
  if (one === undefined) throw new Error('a partition');
  const commits = Array.from({ length: 20 }, (_, index) =>
    member.membership.commit([{ ...one, offset: 5, metadata: String(index) }]),
  );
  const outcomes = await Promise.all(commits);
  expect(outcomes.flat().every(({ failure }) => failure === undefined)).toBe(true);
  expect(await member.membership.committed([one])).toEqual([{ ...one, offset: 5, metadata: '19' }]);
});
