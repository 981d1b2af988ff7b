import { expect, it } from 'vitest';
import { LiveKeys } from './live-keys.ts';

it('calls back everybody who waits, once, when the key is free', () => {
  const keys = new LiveKeys();
  const told: string[] = [];
  keys.add('a');
  keys.add('b');
  keys.whenFree('a', () => told.push('first'));
  keys.whenFree('a', () => told.push('second'));
  keys.whenFree('b', () => told.push('other'));
  expect(keys.has('a')).toBe(true);
  keys.delete('a');
  expect(keys.has('a')).toBe(false);
  expect(told).toEqual(['first', 'second']);
  keys.add('a');
  keys.delete('a');
  expect(told).toEqual(['first', 'second']);
  keys.delete('never there');
});

it('keeps waiting those who come while it calls back', () => {
  const keys = new LiveKeys();
  const told: string[] = [];
  keys.add('a');
  keys.whenFree('a', () => {
    keys.add('a');
    keys.whenFree('a', () => told.push('again'));
  });
  keys.delete('a');
  expect(told).toEqual([]);
  keys.delete('a');
  expect(told).toEqual(['again']);
});
