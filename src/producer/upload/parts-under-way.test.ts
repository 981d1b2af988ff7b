import { expect, it } from 'vitest';
import { PartsUnderWay } from './parts-under-way.ts';

const patient = new AbortController().signal;

function world() {
  const underWay = new PartsUnderWay({ perUpload: 2, inAll: 3 });
  const entered: string[] = [];
  const enter = (upload: string): void => {
    void underWay.enter(upload, patient).then(() => entered.push(upload));
  };
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  return { underWay, entered, enter, settle };
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

it('always lets one part of an upload go, however many of others are stuck', async () => {
  const { underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a', 'b', 'b', 'c', 'c']) enter(upload);
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'c']);
  underWay.leave('c'); // its only one: the next goes, though three of others are under way
  await settle();
  expect(entered).toEqual(['a', 'a', 'b', 'c', 'c']);
});

it('forgets who gave up', async () => {
  const { underWay, entered, enter, settle } = world();
  for (const upload of ['a', 'a']) enter(upload);
  const giving = new AbortController();
  const gone = underWay.enter('a', giving.signal);
  giving.abort(new Error('enough'));
  await expect(gone).rejects.toThrow('enough');
  await expect(underWay.enter('a', giving.signal)).rejects.toThrow('enough');
  underWay.leave('a');
  enter('a');
  await settle();
  expect(entered).toEqual(['a', 'a', 'a']);
});
