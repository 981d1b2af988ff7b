import { describe, expect, test } from 'vitest';
import type { MembershipOptions } from '../port.ts';
import type { ClusterAddress, OAuthToken } from '../security.ts';
import {
  compressionProblem,
  connectionConfig,
  membershipConfig,
  producerConfig,
  readerConfig,
  securityCallbacks,
} from './client-config.ts';

const plain: ClusterAddress = {
  brokers: ['b1:9092', 'b2:9092'],
  clientId: 'me',
  tls: undefined,
  sasl: undefined,
  connectTimeoutMs: 1_000,
};
const member: MembershipOptions = {
  group: 'g',
  topics: ['q'],
  protocol: 'classic',
  sessionTimeoutMs: 30_000,
  maxPollIntervalMs: 300_000,
  staticMemberId: undefined,
  rackId: undefined,
};

describe('the way into the cluster', () => {
  test('without tls and sasl it is plaintext', () => {
    expect(connectionConfig(plain)).toMatchObject({
      'bootstrap.servers': 'b1:9092,b2:9092',
      'client.id': 'me',
      'security.protocol': 'plaintext',
    });
  });

  test('PEM texts are joined, and the system’s authorities are looked for when none are given', () => {
    const tls = { ca: ['A\n', Buffer.from('B')], cert: 'C', key: Buffer.from('K'), passphrase: 'p' };
    expect(connectionConfig({ ...plain, tls })).toMatchObject({
      'security.protocol': 'ssl',
      'ssl.ca.pem': 'A\nB',
      'ssl.certificate.pem': 'C',
      'ssl.key.pem': 'K',
      'ssl.key.password': 'p',
      'enable.ssl.certificate.verification': true,
      'ssl.endpoint.identification.algorithm': 'https',
    });
    expect(connectionConfig({ ...plain, tls: {} })['ssl.ca.location']).toBe('probe');
  });

  test('a certificate that need not be valid is not checked for its host either', () => {
    expect(connectionConfig({ ...plain, tls: { rejectUnauthorized: false } })).toMatchObject({
      'enable.ssl.certificate.verification': false,
      'ssl.endpoint.identification.algorithm': 'none',
    });
  });

  test('user and password go with the mechanism, over TLS or not', () => {
    const sasl = { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' } as const;
    expect(connectionConfig({ ...plain, sasl })).toMatchObject({
      'security.protocol': 'sasl_plaintext',
      'sasl.mechanism': 'SCRAM-SHA-512',
      'sasl.username': 'u',
      'sasl.password': 'p',
    });
    expect(connectionConfig({ ...plain, sasl, tls: {} })['security.protocol']).toBe('sasl_ssl');
  });
});

describe('OAUTHBEARER tokens', () => {
  const token: OAuthToken = { value: 't', expiresAtMs: 5, principal: 'me', extensions: { a: 'b' } };
  const withToken = (get: () => Promise<OAuthToken>): ClusterAddress => ({
    ...plain,
    sasl: { mechanism: 'OAUTHBEARER', token: get },
  });

  test('are given in the client’s words', async () => {
    const { oauthbearer_token_refresh_cb: refresh } = securityCallbacks(
      withToken(() => Promise.resolve(token)),
      () => false,
    );
    await expect(refresh?.()).resolves.toEqual({
      tokenValue: 't',
      lifetime: 5,
      principal: 'me',
      extensions: { a: 'b' },
    });
  });

  test('that cannot be had are an error', async () => {
    const { oauthbearer_token_refresh_cb: refresh } = securityCallbacks(
      withToken(() => Promise.reject(new Error('no'))),
      () => false,
    );
    await expect(refresh?.()).rejects.toThrow('no');
  });

  test('are not given to a client that is being closed, not even as an error', async () => {
    const { oauthbearer_token_refresh_cb: refresh } = securityCallbacks(
      withToken(() => Promise.reject(new Error('no'))),
      () => true,
    );
    const answered = refresh?.().then(
      () => 'token',
      () => 'error',
    );
    const later = new Promise((resolve) => setImmediate(resolve, 'nothing'));
    expect(await Promise.race([answered, later])).toBe('nothing');
  });

  test('are not asked for with other mechanisms', () => {
    expect(securityCallbacks(plain, () => false)).toEqual({});
  });
});

describe('the kinds of clients', () => {
  test('the producer is idempotent, waits for all replicas and gives nothing up by itself', () => {
    expect(producerConfig(2_000_000)).toMatchObject({
      acks: 'all',
      'enable.idempotence': true,
      'message.timeout.ms': 0,
      'max.in.flight.requests.per.connection': 5,
      'message.max.bytes': 2_000_000,
      'allow.auto.create.topics': false,
    });
  });

  test('batches are compressed by lz4 unless something else is asked for', () => {
    expect(producerConfig(1)['compression.codec']).toBe('lz4');
    expect(producerConfig(1, 'none')['compression.codec']).toBe('none');
  });

  test('a compression that the client was built without is a problem with a cure', () => {
    expect(compressionProblem('zstd', ['lz4', 'ssl'])).toMatchObject({
      path: 'producer.compression',
      cure: expect.stringContaining('libzstd-dev'),
    });
    expect(compressionProblem('lz4', ['ssl'])?.cure).toContain("'none'");
    expect([compressionProblem('zstd', ['zstd']), compressionProblem('none', [])]).toEqual([
      undefined,
      undefined,
    ]);
  });

  test('a zstd batch of any size can be read: three times that is received, by default or because it is said', () => {
    const reader = { name: 'r', prefetchBytes: 1 };
    expect(readerConfig(reader, 500, 50_000_000)['receive.message.max.bytes']).toBe(150_000_000);
    expect(readerConfig(reader, 500)).not.toHaveProperty('receive.message.max.bytes');
  });

  test.each([
    [1, 1, 1_048_576],
    [16 * 1_048_576, 16_384, 16 * 1_048_576],
    [256 * 1_048_576, 262_144, 33_554_432],
  ])('the reader fetches at most %i bytes ahead', (prefetchBytes, kbytes, fetchBytes) => {
    expect(readerConfig({ name: 'r', prefetchBytes }, 500)).toMatchObject({
      'queued.max.messages.kbytes': kbytes,
      'fetch.max.bytes': fetchBytes,
      'auto.offset.reset': 'error',
      'enable.auto.commit': false,
    });
  });

  test('a reader fetches as much of a partition, and waits as long for it, as it says, but no longer than its cluster is worth', () => {
    const reader = { name: 'r', prefetchBytes: 1 };
    expect(readerConfig(reader, 500)).toMatchObject({
      'fetch.message.max.bytes': 1_048_576,
      'fetch.wait.max.ms': 500,
      'fetch.queue.backoff.ms': 50,
    });
    const own = { ...reader, partitionFetchBytes: 4_000_000, fetchWaitMs: 20, fullWaitMs: 5 };
    expect(readerConfig(own, 500)).toMatchObject({
      'fetch.message.max.bytes': 4_000_000,
      'fetch.wait.max.ms': 20,
      'fetch.queue.backoff.ms': 5,
    });
    expect(readerConfig({ ...reader, fetchWaitMs: 20 }, 10)['fetch.wait.max.ms']).toBe(10);
  });

  test('a classic member is cooperative and notices a rebalance quickly', () => {
    expect(membershipConfig(member)).toMatchObject({
      'group.protocol': 'classic',
      'partition.assignment.strategy': 'cooperative-sticky',
      'session.timeout.ms': 30_000,
      'heartbeat.interval.ms': 500,
    });
    expect(membershipConfig({ ...member, sessionTimeoutMs: 600 })['heartbeat.interval.ms']).toBe(200);
  });

  test('the poll interval of a classic member is not below its session', () => {
    expect(membershipConfig({ ...member, maxPollIntervalMs: 1_000 })['max.poll.interval.ms']).toBe(30_000);
  });

  test('a KIP-848 member leaves session and assignor to the broker', () => {
    const config = membershipConfig({ ...member, protocol: 'consumer', staticMemberId: 's', rackId: 'r' });
    expect(config).toMatchObject({
      'group.protocol': 'consumer',
      'group.instance.id': 's',
      'client.rack': 'r',
    });
    expect(Object.keys(config)).not.toContain('session.timeout.ms');
    expect(Object.keys(config)).not.toContain('heartbeat.interval.ms');
    expect(Object.keys(config)).not.toContain('partition.assignment.strategy');
  });

  test('no property is undefined: the client would take it for the text "undefined"', () => {
    const all = [connectionConfig({ ...plain, tls: {} }), producerConfig(1), membershipConfig(member)];
    for (const config of all) expect(Object.values(config)).not.toContain(undefined);
  });
});
