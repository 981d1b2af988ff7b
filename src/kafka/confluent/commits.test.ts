import { expect, test } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { OffsetCommit } from '../port.ts';
import { Commits } from './commits.ts';
import type { NativePosition } from './native.ts';

/** What the client names in an answer. */
function namedIn(offsets: readonly NativePosition[]): unknown[] {
  return offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset }));
}

/** A coordinator that answers only when told to. */
function coordinator() {
  const sent: (readonly NativePosition[])[] = [];
  const clock = new ManualClock();
  const commits = new Commits((offsets) => sent.push(offsets), clock);
  /** Answers the last commit, or with what is given. */
  const answer = (code?: number, named: readonly unknown[] = namedIn(sent.at(-1) ?? [])) =>
    commits.onAcknowledged(
      code === undefined ? undefined : Object.assign(new Error('refused'), { code }),
      named,
    );
  return { sent, commits, answer, clock };
}

const at = (partition: number, metadata = ''): OffsetCommit => ({
  topic: 'q',
  partition,
  offset: 5,
  metadata,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a commit resolves with its acknowledgement, not with its sending', async () => {
  const { commits, sent, answer } = coordinator();
  let done = false;
  const result = commits.commit([at(0, 'm')]).finally(() => {
    done = true;
  });
  await settle();
  expect(sent).toEqual([[{ topic: 'q', partition: 0, offset: 5, metadata: 'm' }]]);
  expect(done).toBe(false);
  answer();
  expect(await result).toEqual([{ topic: 'q', partition: 0, failure: undefined }]);
});

test('the next commit is sent when the one before it was answered', async () => {
  const { commits, sent, answer } = coordinator();
  const first = commits.commit([at(0)]);
  const second = commits.commit([at(1)]);
  await settle();
  expect(sent).toHaveLength(1);
  answer();
  await first;
  await settle();
  expect(sent).toHaveLength(2);
  answer();
  expect(await second).toEqual([{ topic: 'q', partition: 1, failure: undefined }]);
});

test('an error of the whole group is every partition’s', async () => {
  const { commits, sent, answer } = coordinator();
  const result = commits.commit([at(0), at(1)]);
  await settle();
  answer(25);
  expect((await result).map(({ failure }) => failure?.kind)).toEqual(['fenced', 'fenced']);
  expect(sent).toHaveLength(1);
});

test('an error of one partition is found by sending halves', async () => {
  const { commits, sent, answer } = coordinator();
  const result = commits.commit([at(0), at(1), at(2), at(3)]);
  // All; 0-1; 0; 1; 2-3: only partition 1 is refused.
  for (const code of [29, 29, undefined, 29, undefined]) {
    await settle();
    answer(code);
  }
  expect((await result).map(({ failure }) => failure?.kind)).toEqual([
    undefined,
    'authorization',
    undefined,
    undefined,
  ]);
  expect(sent.map((offsets) => offsets.length)).toEqual([4, 2, 1, 1, 2]);
});

test('what cannot be sent is refused by itself and the rest is committed', async () => {
  const { commits, sent, answer } = coordinator();
  const result = commits.commit([at(0, 'x'.repeat(4_001)), at(1, 'a\0b'), at(2, 'x'.repeat(4_000))]);
  await settle();
  answer();
  expect((await result).map(({ failure }) => failure?.kind)).toEqual(['too-large', 'other', undefined]);
  expect(sent[0]).toHaveLength(1);
});

test('a commit that the client does not take fails at once', async () => {
  const commits = new Commits(() => {
    throw Object.assign(new Error('wrong state'), { code: -172 });
  });
  expect((await commits.commit([at(0)]))[0]?.failure?.kind).toBe('closed');
});

test('closing settles what waits, in flight or not', async () => {
  const { commits } = coordinator();
  const first = commits.commit([at(0)]);
  const second = commits.commit([at(1)]);
  await settle();
  commits.close();
  expect((await first)[0]?.failure?.kind).toBe('closed');
  expect((await second)[0]?.failure?.kind).toBe('closed');
});

test('an answer that nobody waits for is dropped', async () => {
  const { commits, answer } = coordinator();
  answer(25);
  const result = commits.commit([at(0)]);
  await settle();
  answer();
  expect((await result)[0]?.failure).toBeUndefined();
});

test.each([
  ['partition', [{ topic: 'q', partition: 1, offset: 5 }]],
  ['offset', [{ topic: 'q', partition: 0, offset: 4 }]],
  ['topic', [{ topic: 'other', partition: 0, offset: 5 }]],
  [
    'number of partitions',
    [
      { topic: 'q', partition: 0, offset: 5 },
      { topic: 'q', partition: 1, offset: 5 },
    ],
  ],
  ['partition that the client could not make out', [new Error('unknown partition')]],
  ['partition at all', []],
])('an answer that names another %s is not the answer', async (_what, named) => {
  const { commits, answer } = coordinator();
  const result = commits.commit([at(0)]);
  await settle();
  answer(undefined, named);
  answer(25);
  expect((await result)[0]?.failure?.kind).toBe('fenced');
});

test('an error without any partition is the answer', async () => {
  const { commits, answer } = coordinator();
  const result = commits.commit([at(0)]);
  await settle();
  answer(25, []);
  expect((await result)[0]?.failure?.kind).toBe('fenced');
});

test('a commit that is not answered fails after a minute, and the next one is sent', async () => {
  const { commits, sent, answer, clock } = coordinator();
  const first = commits.commit([at(0)]);
  const second = commits.commit([at(1)]);
  await clock.advance(60_000);
  expect((await first)[0]?.failure?.kind).toBe('unreachable');
  expect(sent).toHaveLength(2);
  answer(undefined, namedIn(sent[0] ?? [])); // late
  answer(undefined, namedIn(sent[1] ?? []));
  expect((await second)[0]?.failure).toBeUndefined();
});

test('an answer that may be that to an earlier commit is not believed, until that one can no longer be answered', async () => {
  const { commits, answer, clock } = coordinator();
  const first = commits.commit([at(0, 'a')]);
  const second = commits.commit([at(0, 'b')]);
  await clock.advance(60_000);
  expect((await first)[0]?.failure?.kind).toBe('unreachable');
  answer();
  expect((await second)[0]?.failure?.kind).toBe('transient');
  answer(); // the other one: nobody is waiting, so now both are known
  const third = commits.commit([at(0, 'c')]);
  await settle();
  answer();
  expect((await third)[0]?.failure).toBeUndefined();

  void commits.commit([at(0, 'd')]);
  await clock.advance(120_000);
  const fifth = commits.commit([at(0, 'e')]);
  await settle();
  answer();
  expect((await fifth)[0]?.failure).toBeUndefined();
});
