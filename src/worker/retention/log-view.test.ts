import { expect, it } from 'vitest';
import { endsOf, offsetsOf } from './log-view.ts';

it('answers are found by topic and partition', () => {
  const ends = endsOf([
    { topic: 'a', partition: 0, start: 1, end: 2 },
    { topic: 'a', partition: 1, start: 3, end: 4 },
    { topic: 'b', partition: 0, start: 5, end: 6 },
  ]);
  expect(ends.of({ topic: 'a', partition: 1 })).toMatchObject({ start: 3, end: 4 });
  expect(ends.of({ topic: 'b', partition: 0 })).toMatchObject({ start: 5, end: 6 });
});

it('that there is no offset is an answer; that nothing was answered is none', () => {
  const found = offsetsOf([{ topic: 'a', partition: 0, offset: undefined }]);
  expect(found.of({ topic: 'a', partition: 0 })).toBe(undefined);
  expect(() => found.of({ topic: 'a', partition: 1 })).toThrow('a/1');
});
