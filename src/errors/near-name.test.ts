import { expect, test } from 'vitest';
import { nearName } from './near-name.ts';

const known = ['recording.events', 'recording.asset', 'mail.send', 'ping'];

test.each([
  ['recording.event', 'recording.events'],
  ['recordng.evnts', 'recording.events'],
  ['RECORDING.ASSET', 'recording.asset'],
  ['mail.sned', 'mail.send'],
  ['pin', 'ping'],
  ['pong', 'ping'],
  ['p', undefined],
  ['mail.receive', undefined],
  ['', undefined],
])("'%s' most likely means %s", (given, meant) => {
  expect(nearName(given, known)).toBe(meant);
});

test('the nearest of several is taken', () => {
  expect(nearName('task-bb', ['task-aa', 'task-ab', 'task-ba'])).toBe('task-ab');
});
