import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../clock/manual-clock.ts';
import type { ClusterAddress } from '../security.ts';
import { connectionOptions, parseBroker } from './connection-options.ts';

const address: ClusterAddress = {
  brokers: ['broker.example:9093'],
  clientId: 'test',
  tls: undefined,
  sasl: undefined,
  connectTimeoutMs: 5_000,
};
const clock = new ManualClock();

describe('parseBroker', () => {
  it.each([
    ['b1:9093', { host: 'b1', port: 9093 }],
    ['b1', { host: 'b1', port: 9092 }],
    [' 10.0.0.1:1 ', { host: '10.0.0.1', port: 1 }],
    ['[::1]:9094', { host: '::1', port: 9094 }],
    ['[::1]', { host: '::1', port: 9092 }],
    ['::1', { host: '::1', port: 9092 }],
  ])('reads %s', (text, expected) => {
    expect(parseBroker(text)).toEqual(expected);
  });

  it('refuses what is not an address', () => {
    expect(() => parseBroker('b1:port')).toThrow("'b1:port' is not host:port");
  });
});

describe('connectionOptions', () => {
  it('is plain without tls and sasl', () => {
    expect(connectionOptions(address, clock)).toEqual({ connectTimeout: 5_000, requestTimeout: 15_000 });
  });

  it('verifies the broker unless told otherwise, and names the host to hosted clusters', () => {
    const options = connectionOptions({ ...address, tls: {} }, clock);
    expect(options.tls?.rejectUnauthorized).toBe(true);
    expect(options.tlsServerName).toBe(true);
    expect(connectionOptions({ ...address, tls: { rejectUnauthorized: false } }, clock).tls).toMatchObject({
      rejectUnauthorized: false,
    });
  });

  it('sends no server name to an IP address', () => {
    expect(connectionOptions({ ...address, brokers: ['127.0.0.1:1'], tls: {} }, clock).tlsServerName).toBe(
      false,
    );
  });

  it('says before connecting that a certificate cannot be read', () => {
    expect(() => connectionOptions({ ...address, tls: { cert: '/etc/cert.pem' } }, clock)).toThrow(
      expect.objectContaining({ code: 'KAFKA_AUTHENTICATION_FAILED' }),
    );
  });

  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'passes on a password for %s',
    (mechanism) => {
      const sasl = { mechanism, username: 'u', password: 'p' } as const;
      expect(connectionOptions({ ...address, sasl }, clock).sasl).toEqual(sasl);
    },
  );

  it('asks for a token once for all connections, and again shortly before it expires', async () => {
    let asked = 0;
    const sasl = {
      mechanism: 'OAUTHBEARER',
      token: () => {
        asked += 1;
        const expiresAtMs = clock.wallMs() + 300_000;
        return Promise.resolve({
          value: `t${asked}`,
          expiresAtMs,
          principal: 'me',
          extensions: { n: `${asked}` },
        });
      },
    } as const;
    const { token, oauthBearerExtensions } = connectionOptions({ ...address, sasl }, clock).sasl ?? {};
    if (typeof token !== 'function' || typeof oauthBearerExtensions !== 'function')
      throw new Error('no provider');
    expect(await Promise.all([token(), token()])).toEqual(['t1', 't1']);
    expect(await oauthBearerExtensions()).toEqual({ n: '1' });
    await clock.advance(239_000);
    expect(await token()).toBe('t1');
    await clock.advance(2_000);
    expect(await token()).toBe('t2');
    expect(await oauthBearerExtensions()).toEqual({ n: '2' });
  });

  it('asks again after a token could not be had', async () => {
    let asked = 0;
    const sasl = {
      mechanism: 'OAUTHBEARER',
      token: () => {
        asked += 1;
        if (asked === 1) return Promise.reject(new Error('no network'));
        return Promise.resolve({ value: 'ok', expiresAtMs: clock.wallMs() + 300_000, principal: 'me' });
      },
    } as const;
    const { token } = connectionOptions({ ...address, sasl }, clock).sasl ?? {};
    if (typeof token !== 'function') throw new Error('no provider');
    await expect(token()).rejects.toThrow('no network');
    expect(await token()).toBe('ok');
  });
});
