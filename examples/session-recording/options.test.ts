import { expect, test } from 'vitest';
import { UsageError } from './failure-text.ts';
import { parseArguments } from './options.ts';

test('without arguments it serves on its usual port, on embedded Kafka', () => {
  expect(parseArguments([], {})).toEqual({
    once: false,
    port: 4180,
    dir: undefined,
    seed: 1,
    inject: undefined,
    brokers: undefined,
  });
});

test('--once takes any free port, so that two runs never meet', () => {
  expect(parseArguments(['--once'], {})).toMatchObject({ once: true, port: 0 });
  expect(parseArguments(['--once', '--port', '9000'], {})).toMatchObject({ port: 9000 });
});

test('KAFKA_BROKERS names the cluster; an empty one does not', () => {
  expect(parseArguments([], { KAFKA_BROKERS: 'a:9092, b:9092' })).toMatchObject({
    brokers: ['a:9092', 'b:9092'],
  });
  expect(parseArguments([], { KAFKA_BROKERS: '' })).toMatchObject({ brokers: undefined });
});

test.each([
  ['an unknown option', ['--onec'], '--once'],
  ['a port that is none', ['--port', '70000'], '70000'],
  ['a seed that is no number', ['--seed', 'x'], "'x'"],
  ['an unknown defect', ['--inject', 'late'], 'missing, doubled, reordered'],
])('%s is named, with what would be right', (_what, args, words) => {
  expect(() => parseArguments(args, {})).toThrow(UsageError);
  expect(() => parseArguments(args, {})).toThrow(words);
});
