import { describe, expect, it } from 'vitest';
import { ParkedFeedRig, want } from '../../../test/support/parked-feed-rig.ts';

describe('a feed that is closed', () => {
  const never = (): Promise<never> => new Promise(() => {});

  /** Counts the readers that are open. */
  function counted(rig: ParkedFeedRig): { readonly open: number } {
    const count = { open: 0 };
    const { openReader } = rig;
    rig.openReader = async () => {
      const reader = await openReader();
      count.open += 1;
      let isOpen = true;
      const close = reader.close.bind(reader);
      reader.close = async () => {
        if (isOpen) count.open -= 1;
        isOpen = false;
        await close();
      };
      return reader;
    };
    return count;
  }

  it.each(['beforeEnds', 'beforeAppend'] as const)(
    'while it waits for a broker (%s) does not wait for long',
    async (what) => {
      const rig = new ParkedFeedRig();
      rig.copy(7, 1);
      rig[what] = never;
      const readers = counted(rig);
      void rig.feed.read(rig.job(want(7)));
      await rig.clock.advance(0);
      let closed = false;
      void rig.feed.close().then(() => {
        closed = true;
      });
      await rig.clock.advance(4_999);
      expect(closed).toBe(false);
      await rig.clock.advance(1);
      expect(closed).toBe(true);
      expect(readers.open).toBe(0);
      expect(rig.clock.pendingCount).toBe(0);
    },
  );

  it('while it asks for the end opens no reader, and does nothing more', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    let answer: () => void = () => {};
    rig.beforeEnds = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const jobs = Promise.allSettled([rig.read(want(7)), rig.read(want(7))]);
    await rig.clock.advance(0);
    const closing = rig.feed.close();
    answer();
    await closing;
    expect((await jobs).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(rig.openCount).toBe(0);
    expect(rig.ends).toBe(0);
  });

  it('while its reader is being opened leaves no reader behind', async () => {
    const rig = new ParkedFeedRig();
    rig.copy(7, 1);
    const readers = counted(rig);
    const { openReader } = rig;
    let goOn: () => void = () => {};
    rig.openReader = async () => {
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return await openReader();
    };
    const job = rig.read(want(7)).catch((error: unknown) => error);
    await rig.clock.advance(0);
    const closing = rig.feed.close();
    await rig.clock.advance(5_000);
    await closing;
    goOn();
    expect(await job).toMatchObject({ message: 'the worker ends' });
    expect(readers.open).toBe(0);
  });
});
