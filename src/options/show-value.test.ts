import { expect, it, test } from 'vitest';
import { showValue } from './show-value.ts';

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['null', null],
  ['5', 5],
  ['"NaN"', Number.NaN],
  ['"x"', 'x'],
  ['"10"', 10n],
  ['a function', () => 1],
  ['[1,"a"]', [1, 'a']],
  ['{"a":{"b":"a function"}}', { a: { b: () => 1 } }],
  ['"7 bytes"', Buffer.alloc(7)],
])('a value is shown as %s', (shown, value) => {
  expect(showValue(value, ['some', 'option'])).toBe(shown);
});

it('is short, and ends though the value never does', () => {
  const circle: Record<string, unknown> = { a: 'x'.repeat(500) };
  circle['self'] = circle;
  expect(showValue(circle, ['option']).length).toBe(120);
  expect(showValue({ self: circle }, [])).toHaveLength(120);
});

it.each<[string, unknown, readonly string[]]>([
  ['a password', 'hunter2', ['sasl', 'password']],
  ['a mistyped password', 'hunter2', ['sasl', 'pasword']],
  ['a password at the wrong place', 'hunter2', ['password']],
  ['a mistyped one there', 'hunter2', ['pasword']],
  ['other names for it', { pwd: 'hunter2', apiToken: 'hunter2', clientSecret: 'hunter2' }, ['extra']],
  ['all of sasl', { mechanism: 'PLAIN', username: 'me', passwrod: 'hunter2', nested: ['hunter2'] }, ['sasl']],
  ['sasl as one string', 'me:hunter2', ['sasl']],
  ['a key', 'hunter2', ['tls', 'key']],
  ['a mistyped key', 'hunter2', ['tls', 'kye']],
  ['a key in bytes', Buffer.from('hunter2'), ['tls', 'kye']],
  ['a key in PEM, wherever', '-----BEGIN PRIVATE KEY-----hunter2', ['ca']],
  ['credentials in an address', ['sasl://me:hunter2@host:9092'], ['brokers']],
  ['credentials before an address', 'me:hunter2@host:9092', ['brokers', '0']],
  [
    'a whole connection in the wrong place',
    { sasl: { pass: 'hunter2' }, tls: { kye: 'hunter2' } },
    ['kafka'],
  ],
])('%s is never shown', (_what, value, path) => {
  const shown = showValue(value, path);
  expect(shown).not.toContain('hunter2');
  expect(shown).toContain('(secret)');
});

it('shows what helps to find the mistake', () => {
  expect(showValue({ mechanism: 'SCRAM', username: 'me', password: 'x' }, ['sasl'])).toBe(
    '{"mechanism":"SCRAM","username":"me","password":"(secret)"}',
  );
});

it('shows what is no secret here although its name says so, but not below sasl and tls', () => {
  expect(showValue('order 7', ['key'], ['key'])).toBe('"order 7"');
  expect(showValue({ key: 'order 7', token: 'hunter2' }, [], ['key'])).toBe(
    '{"key":"order 7","token":"(secret)"}',
  );
  expect(showValue({ tls: { key: 'hunter2' } }, [], ['key'])).toBe('{"tls":{"key":"(secret)"}}');
  expect(showValue('hunter2', ['tls', 'key'], ['key'])).toBe('(secret)');
});
