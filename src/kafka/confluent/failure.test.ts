import { describe, expect, test } from 'vitest';
import type { KafkaFailureKind } from '../port.ts';
import {
  concernsWholeGroup,
  failureOf,
  failureOfError,
  failureOfText,
  outcomeOfFailedDelivery,
} from './failure.ts';

describe('an error number becomes one of the port’s kinds', () => {
  test.each<[number, KafkaFailureKind]>([
    [-195, 'unreachable'],
    [-185, 'unreachable'],
    [-187, 'unreachable'],
    [-181, 'authentication'],
    [-169, 'authentication'],
    [58, 'authentication'],
    [29, 'authorization'],
    [30, 'authorization'],
    [-180, 'transient'],
    [6, 'transient'],
    [7, 'transient'],
    [14, 'transient'],
    [15, 'transient'],
    [16, 'transient'],
    [19, 'transient'],
    [10, 'too-large'],
    [12, 'too-large'],
    [3, 'unknown-topic'],
    [-188, 'unknown-topic'],
    [25, 'fenced'],
    [82, 'fenced'],
    [110, 'fenced'],
    [22, 'rebalancing'],
    [27, 'rebalancing'],
    [113, 'rebalancing'],
    [-172, 'closed'],
    [-150, 'producer-fatal'],
    [45, 'producer-fatal'],
    [35, 'unsupported'],
    [-140, 'other'],
    [4711, 'other'],
  ])('%i is %s', (code, kind) => {
    expect(failureOf(code, 'text')).toEqual({ kind, code, message: 'text' });
  });
});

describe('a text without a number is recognised by what it says', () => {
  test.each<[string, KafkaFailureKind]>([
    ['sasl authentication error: Authentication failed', 'authentication'],
    ['b1:9093/bootstrap: SSL handshake failed: certificate verify failed', 'authentication'],
    ['oauthbearer_token_refresh_cb: no token', 'authentication'],
    ['all broker connections are down', 'unreachable'],
    ['broker transport failure', 'unreachable'],
    ['host resolution failure', 'unreachable'],
    ['fatal error', 'producer-fatal'],
    ['something else', 'other'],
  ])('%s: %s', (text, kind) => {
    expect(failureOfText(text)).toEqual({ kind, code: undefined, message: text });
  });

  test.each([
    'ssl://b1:9093/1: Disconnected: SSL connection closed by peer (after 3ms in state SSL_HANDSHAKE)',
    'ssl://b1:9093/1: error:0A00010B:SSL routines::wrong version number (after 1ms in state SSL_HANDSHAKE)',
  ])('who hangs up on TLS may not speak it: %s', (text) => {
    expect(failureOfText(text)).toEqual({
      kind: 'unreachable',
      code: undefined,
      message: `${text}: connecting to a PLAINTEXT listener?`,
    });
  });

  test('what the client asks itself is not asked twice', () => {
    const text =
      'SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 3ms in state SSL_HANDSHAKE)';
    expect(failureOfText(text)).toEqual({ kind: 'unreachable', code: undefined, message: text });
  });

  test('the security protocol in a broker’s name is not taken for a refusal', () => {
    const text = 'sasl_ssl://b1:9093/bootstrap: ssl://b1:9093: Connect to ipv4#10.0.0.1:9093 failed: refused';
    expect(failureOfText(text).kind).toBe('unreachable');
  });
});

describe('what the client throws', () => {
  test('its number decides', () => {
    expect(failureOfError(Object.assign(new Error('x'), { code: -184 }))).toMatchObject({
      kind: 'transient',
      code: -184,
    });
  });

  test('-1 means it knows no number, so the text decides', () => {
    const failure = failureOfError(Object.assign(new Error('broker transport failure'), { code: -1 }));
    expect(failure).toEqual({ kind: 'unreachable', code: undefined, message: 'broker transport failure' });
  });

  test('anything else is kept as text', () => {
    expect(failureOfError('odd')).toEqual({ kind: 'other', code: undefined, message: 'odd' });
  });
});

describe('a failed delivery', () => {
  test.each([10, 18, 87, 44, 17])('error %i refuses the record by its nature: absent', (code) => {
    expect(outcomeOfFailedDelivery(failureOf(code, ''), true).kind).toBe('absent');
  });

  test.each([29, 3, -188, -190])(
    'error %i: absent only if the partition never acknowledged anything',
    (code) => {
      expect(outcomeOfFailedDelivery(failureOf(code, ''), false).kind).toBe('absent');
      expect(outcomeOfFailedDelivery(failureOf(code, ''), true).kind).toBe('unknown');
    },
  );

  test.each([-150, 45, -195, -152, -151, 7, 20, 4711])('error %i may hide an append: unknown', (code) => {
    expect(outcomeOfFailedDelivery(failureOf(code, ''), false).kind).toBe('unknown');
  });
});

test('a commit error of one partition is told from one of the whole group', () => {
  for (const code of [14, 16, 22, 25, 27, 30, 110, -150, -180, -195]) {
    expect(concernsWholeGroup(failureOf(code, '')), String(code)).toBe(true);
  }
  for (const code of [3, 12, 28, 29, -1000]) {
    expect(concernsWholeGroup(failureOf(code, '')), String(code)).toBe(false);
  }
});
