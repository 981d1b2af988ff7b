import { expect, it } from 'vitest';
import { EmbeddedRoom } from './embedded-room.ts';

it('lets records in until the limit, and again when older ones are finished', () => {
  const room = new EmbeddedRoom(1_000);
  const opened: string[] = [];
  room.onRoom((topic, partition) => opened.push(`${topic}/${partition}`));
  expect(room.enter('q', 0, 600)).toBe(true);
  expect(room.enter('q', 0, 600)).toBe(false);
  expect(room.enter('q', 1, 600)).toBe(true);
  room.settled('q', 0, 600, { offset: 7 });
  expect(room.enter('q', 0, 600)).toBe(false);
  room.finished('workers', 'q', 0, 7);
  expect(room.enter('q', 0, 600)).toBe(false);
  room.finished('workers', 'q', 0, 8);
  expect(room.enter('q', 0, 600)).toBe(true);
  expect(opened).toEqual(['q/0']);
});

it('always lets a record into an empty partition, whatever its size', () => {
  expect(new EmbeddedRoom(1_000).enter('q', 0, 5_000)).toBe(true);
});

it('gives the room of an absent record back', () => {
  const room = new EmbeddedRoom(1_000);
  room.enter('q', 0, 1_000);
  room.settled('q', 0, 1_000, 'absent');
  expect(room.enter('q', 0, 1_000)).toBe(true);
});

it('keeps the room of a record of unknown outcome until a later one is finished', () => {
  const room = new EmbeddedRoom(1_000);
  room.enter('q', 0, 400);
  room.enter('q', 0, 400);
  room.settled('q', 0, 400, 'unknown');
  room.settled('q', 0, 400, { offset: 5 });
  room.finished('workers', 'q', 0, 5);
  expect(room.enter('q', 0, 400)).toBe(false);
  room.finished('workers', 'q', 0, 6);
  expect(room.enter('q', 0, 1_000)).toBe(true);
});

it('goes by the slowest group', () => {
  const room = new EmbeddedRoom(1_000);
  room.finished('slow', 'q', 0, 0);
  room.finished('fast', 'q', 0, 0);
  room.enter('q', 0, 1_000);
  room.settled('q', 0, 1_000, { offset: 0 });
  room.finished('fast', 'q', 0, 1);
  expect(room.enter('q', 0, 1)).toBe(false);
  room.finished('slow', 'q', 0, 1);
  expect(room.enter('q', 0, 1)).toBe(true);
});

it('keeps log order when results come the other way round, and forgets what was finished before they came', () => {
  const room = new EmbeddedRoom(1_000);
  room.enter('q', 0, 300);
  room.enter('q', 0, 300);
  room.enter('q', 0, 300);
  room.finished('workers', 'q', 0, 1);
  room.settled('q', 0, 300, { offset: 2 });
  room.settled('q', 0, 300, { offset: 1 });
  room.settled('q', 0, 300, { offset: 0 });
  expect(room.enter('q', 0, 400)).toBe(true);
  room.settled('q', 0, 400, 'absent');
  room.finished('workers', 'q', 0, 2);
  expect(room.enter('q', 0, 701)).toBe(false);
  expect(room.enter('q', 0, 700)).toBe(true);
});
