import { expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import { PartsUnderWay } from './parts-under-way.ts';

const patient = new AbortController().signal;

function world() {
  const clock = new ManualClock();
  const underWay = new PartsUnderWay({ perUpload: 2, inAll: 3 }, clock);
  const entered: string[] = [];
  const enter = (upload: string): void => {
    void underWay.enter({ upload }, patient).then(() => entered.push(upload));
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { clock, underWay, entered, enter, settle };
}

it('bounds the parts of one upload and of all, in the order they asked', async () => {
  const { underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a', 'a', 'b', 'b']) enter(upload);
  await settle();
  expect(entered).toEqual(['a', 'a', 'b']);
  underWay.leave('a');
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'a']);
  underWay.leave('a');
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'a', 'b']);
});

it('lets one part of an upload go however many of others are stuck, once they are', async () => {
  const { clock, underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a', 'b', 'b', 'c', 'c']) enter(upload);
  await settle();
  expect(entered).toEqual(['a', 'a', 'b']);
  await clock.advance(999);
  await settle();
  expect(entered).toEqual(['a', 'a', 'b']);
  await clock.advance(1);
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'c']);
  underWay.leave('c'); // its only one: the next goes, though three of others are under way
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'c', 'c']);
  // Nor do those wait that ask later, nor does anybody get a second one beside those that are stuck.
  for (const upload of ['d', 'e', 'f', 'd']) enter(upload);
  await settle();
  expect(entered.slice(5)).toEqual(['d', 'e']); // with c's three are moving
  underWay.leave('e');
  await settle();
  expect(entered.slice(5)).toEqual(['d', 'e', 'f']);
});

it('looks at those that leave and those that become stuck while anybody waits', async () => {
  const { clock, underWay, entered, enter, settle } = world();
  enter('a');
  await clock.advance(600);
  for (const upload of ['b', 'b', 'c', 'd']) enter(upload);
  await settle();
  expect(entered).toEqual(['a', 'b', 'b']);
  await clock.advance(400); // a's is stuck
  await settle();
  expect(entered).toEqual(['a', 'b', 'b', 'c']);
  await clock.advance(600); // and so are b's
  await settle();
  expect(entered).toEqual(['a', 'b', 'b', 'c', 'd']);
  for (const upload of ['a', 'b', 'b', 'c', 'd']) underWay.leave(upload);
  expect(underWay.isEmpty).toBe(true);
});

it('lets what goes beside the others have one part on its way at any time', async () => {
  const { underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a', 'b', 'c']) enter(upload);
  for (let at = 0; at < 2; at += 1) {
    void underWay.enter({ upload: 'payload', beside: true }, patient).then(() => entered.push('payload'));
  }
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'payload']);
  underWay.leave('payload');
  await settle();
  // Who has waited longest is the first one, and still it waits for none.
  expect(entered.slice(4)).toEqual(['payload']);
});

it('lets the first part of an upload go also when others ask just before that was to be looked at', async () => {
  const clock = new ManualClock();
  let lateMs = 0; // timers fire later than they are due
  const late = {
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs() + lateMs,
    setTimer: clock.setTimer.bind(clock),
  };
  const underWay = new PartsUnderWay({ perUpload: 1, inAll: 1 }, late);
  await underWay.enter({ upload: 'a' }, patient);
  const first = underWay.enter({ upload: 'b' }, patient).then(() => 'b');
  lateMs = 1_000;
  void underWay.enter({ upload: 'a' }, patient);
  await clock.advance(1);
  expect(await Promise.race([first, Promise.resolve('nobody')])).toBe('b');
});

it('leaves no timer behind when nobody waits any more', async () => {
  const { clock, underWay, enter, settle } = world();
  for (const upload of ['a', 'a', 'a', 'b']) enter(upload);
  expect(clock.pendingCount).toBe(0); // a's third waits for one of a's only
  enter('c');
  const giving = new AbortController();
  const gone = underWay.enter({ upload: 'd' }, giving.signal);
  expect(clock.pendingCount).toBe(1);
  underWay.leave('b');
  await settle();
  expect(clock.pendingCount).toBe(1);
  giving.abort(new Error('enough'));
  await expect(gone).rejects.toThrow('enough');
  expect(clock.pendingCount).toBe(0);
});

it('forgets who gave up', async () => {
  const { underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a']) enter(upload);
  const giving = new AbortController();
  const gone = underWay.enter({ upload: 'a' }, giving.signal);
  giving.abort(new Error('enough'));
  await expect(gone).rejects.toThrow('enough');
  await expect(underWay.enter({ upload: 'a' }, giving.signal)).rejects.toThrow('enough');
  underWay.leave('a');
  enter('a');
  await settle();
  expect(entered).toEqual(['a', 'a', 'a']);
});
