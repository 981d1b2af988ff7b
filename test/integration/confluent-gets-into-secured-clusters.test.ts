import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type { ClusterAddress, OAuthToken, SaslOptions } from '../../src/kafka/security.ts';
import { type KafkaCluster, type SecureAccess, startKafka } from '../support/kafka/cluster.ts';
import { addressOf } from './confluent-world.ts';

let cluster: KafkaCluster;
let access: SecureAccess;

beforeAll(async () => {
  cluster = await startKafka({ brokerCount: 1, saslSsl: true });
  if (cluster.secure === undefined) throw new Error('secured listeners expected');
  access = cluster.secure;
});

afterAll(() => cluster.stop());

function driver(changes: Partial<ClusterAddress>): KafkaDriver {
  const address = { ...addressOf([access.bootstrap]), tls: { ca: access.ca }, ...changes };
  return confluentDriver({ address, admin: () => Promise.reject(new Error('not used')) });
}

const password = (mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512', secret?: string): SaslOptions => ({
  mechanism,
  username: access.username,
  password: secret ?? access.password,
});

/** An unsecured JWT, which the test brokers take. */
function token(): Promise<OAuthToken> {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url');
  const nowSeconds = Math.floor(Date.now() / 1000);
  const claims = { sub: access.username, iat: nowSeconds, exp: nowSeconds + 3_600 };
  return Promise.resolve({
    value: `${part({ alg: 'none' })}.${part(claims)}.`,
    expiresAtMs: (nowSeconds + 3_600) * 1_000,
    principal: access.username,
  });
}

async function connects(changes: Partial<ClusterAddress>): Promise<void> {
  const into = driver(changes);
  const appender = await into.appender();
  await appender.close({ timeoutMs: 1_000 });
  const reader = await into.reader({ name: randomUUID(), prefetchBytes: 1_000_000 });
  await reader.close();
}

describe('gets in', () => {
  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)('by %s', (mechanism) =>
    connects({ sasl: password(mechanism) }),
  );

  test('by an OAUTHBEARER token', () => connects({ sasl: { mechanism: 'OAUTHBEARER', token } }));

  test('by a client certificate', () =>
    connects({
      brokers: [access.mtlsBootstrap],
      tls: { ca: access.ca, cert: access.client.cert, key: access.client.key },
    }));

  test('past a certificate that nobody checks', () =>
    connects({ tls: { rejectUnauthorized: false }, sasl: password('PLAIN') }));
});

describe('is refused at once, with the reason', () => {
  const refused = (changes: Partial<ClusterAddress>) => driver(changes).appender();

  test.each(['PLAIN', 'SCRAM-SHA-512'] as const)('by %s with a wrong password', async (mechanism) => {
    await expect(refused({ sasl: password(mechanism, 'wrong') })).rejects.toMatchObject({
      code: 'KAFKA_AUTHENTICATION_FAILED',
      message: expect.stringContaining('Authentication failed'),
    });
  });

  test('when the token cannot be had', async () => {
    const failing = () => Promise.reject(new Error('token service down'));
    await expect(refused({ sasl: { mechanism: 'OAUTHBEARER', token: failing } })).rejects.toMatchObject({
      code: 'KAFKA_AUTHENTICATION_FAILED',
      message: expect.stringContaining('token service down'),
    });
  });

  test('when the authority of the broker’s certificate is unknown', async () => {
    await expect(refused({ tls: {}, sasl: password('PLAIN') })).rejects.toMatchObject({
      code: 'KAFKA_AUTHENTICATION_FAILED',
      message: expect.stringContaining('certificate'),
    });
  });

  test('when the authority’s text is no certificate', async () => {
    await expect(refused({ tls: { ca: 'rubbish' }, sasl: password('PLAIN') })).rejects.toMatchObject({
      code: 'KAFKA_AUTHENTICATION_FAILED',
      message: expect.stringContaining('PEM'),
    });
  });
});

test('a member of a group that it may not join hears of it when it joins', async () => {
  const membership = driver({ sasl: password('PLAIN', 'wrong') }).membership({
    group: randomUUID(),
    topics: ['q'],
    protocol: 'classic',
    sessionTimeoutMs: 10_000,
    maxPollIntervalMs: 60_000,
    staticMemberId: undefined,
    rackId: undefined,
  });
  await expect(membership.join(() => {})).rejects.toMatchObject({ code: 'KAFKA_AUTHENTICATION_FAILED' });
  await membership.leave();
  await membership.abandon();
});

describe('is unreachable, after the time a connection may take', () => {
  const CONNECT_MS = 5_000;

  test('who is not there', async () => {
    const brokers = ['127.0.0.1:1'];
    await expect(
      driver({ brokers, tls: undefined, connectTimeoutMs: CONNECT_MS }).appender(),
    ).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('refused') });
  });

  // Also a broker that is being restarted hangs up in the middle: others may be there, or it is back soon.
  test('who does not speak TLS, with the likely cause', async () => {
    const brokers = cluster.bootstrap.split(',');
    await expect(driver({ brokers, connectTimeoutMs: CONNECT_MS }).appender()).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      message: expect.stringContaining('PLAINTEXT'),
    });
  });
});
