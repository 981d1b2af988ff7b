import { expect, it } from 'vitest';
import { Emitter } from './emitter.ts';

interface Events {
  readonly one: { readonly n: number };
  readonly other: string;
}

it('tells every listener of that name, in their order, until it is unsubscribed', () => {
  const events = new Emitter<Events>(() => {});
  const heard: string[] = [];
  const off = events.on('one', ({ n }) => heard.push(`first ${n}`));
  events.on('one', ({ n }) => heard.push(`second ${n}`));
  events.on('other', (text) => heard.push(text));
  events.emit('one', { n: 1 });
  off();
  off();
  events.emit('one', { n: 2 });
  expect(heard).toEqual(['first 1', 'second 1', 'second 2']);
});

it('knows whether anybody listens', () => {
  const events = new Emitter<Events>(() => {});
  expect(events.has('one')).toBe(false);
  const off = events.on('one', () => {});
  expect([events.has('one'), events.has('other')]).toEqual([true, false]);
  off();
  expect(events.has('one')).toBe(false);
  events.emit('one', { n: 1 });
});

it('lets no listener disturb the others, nor whoever emits', () => {
  const errors: unknown[] = [];
  const events = new Emitter<Events>((error) => errors.push(error));
  const heard: number[] = [];
  events.on('one', () => {
    throw new Error('broken');
  });
  events.on('one', ({ n }) => heard.push(n));
  events.emit('one', { n: 1 });
  expect(heard).toEqual([1]);
  expect(errors).toMatchObject([{ message: 'broken' }]);
});
