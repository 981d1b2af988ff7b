import { describe, expect, it } from 'vitest';
import { ParkedFeedRig, want } from '../../../test/support/parked-feed-rig.ts';

describe('a log end that was told too low', () => {
  it('hides no parked tasks: all that were copied by then are found', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3, 4, 5, 6]) rig.copy(7, offset);
    rig.toldEnd = 3;
    expect(await rig.read(want(7, { count: 2 }))).toMatchObject([{ offsets: [1, 2], atEnd: false }]);
    expect(await rig.read(want(7, { from: 2, after: 2 }))).toEqual([
      { offsets: [3, 4, 5, 6], next: 6, atEnd: true, lostBelow: 0 },
    ]);
  });

  it('makes no parked tasks lost that lie behind it', async () => {
    const rig = new ParkedFeedRig();
    for (const offset of [1, 2, 3, 4, 5, 6]) rig.copy(7, offset);
    rig.copy(8, 7);
    rig.toldEnd = 3;
    expect(await rig.read(want(8, { from: 6 }), want(7, { from: 4, after: 4 }))).toMatchObject([
      { offsets: [7], atEnd: true, lostBelow: 0 },
      { offsets: [5, 6], atEnd: true, lostBelow: 0 },
    ]);
  });

  it('is no end as long as what is appended behind it does not become readable', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    const { openReader } = rig;
    // Who reads from a leader that was replaced sees nothing new either.
    rig.openReader = async () => {
      const reader = await openReader();
      const poll = reader.poll.bind(reader);
      reader.poll = async (count) => (await poll(count)).filter(({ offset }) => offset < 1);
      return reader;
    };
    const failed = rig.read(want(7)).catch((error: unknown) => error);
    await rig.clock.advance(31_000);
    expect(await failed).toMatchObject({ message: expect.stringContaining('from offset 1 on') });
  });
});

it('nothing is appended as long as enough is found before the end that was told', async () => {
  const rig = new ParkedFeedRig();
  for (const offset of [1, 2, 3]) rig.copy(7, offset);
  await rig.read(want(7, { count: 2 }));
  await rig.read(want(7, { from: 2, after: 2, count: 1 }));
  expect(rig.ends).toBe(0);
  await rig.read(want(7, { from: 3, after: 3, count: 1 }));
  expect(rig.ends).toBe(1);
});
