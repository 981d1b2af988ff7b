import { randomUUID } from 'node:crypto';
import {
  AclOperations,
  AclPermissionTypes,
  Admin as LibraryAdmin,
  ResourcePatternTypes,
  ResourceTypes,
} from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { OutgoingRecord } from '../../src/kafka/port.ts';
import type { ClusterAddress, OAuthToken, SaslOptions, TlsOptions } from '../../src/kafka/security.ts';
import { resolveRetention } from '../../src/options/retention.ts';
import { ensureTopics } from '../../src/topics/ensure-topics.ts';
import { planTopics } from '../../src/topics/topic-plan.ts';
import type { TopicProblem } from '../../src/topics/topic-problem.ts';
import { type KafkaCluster, type SecureAccess, startKafka } from '../support/kafka/cluster.ts';

let cluster: KafkaCluster;
let secure: SecureAccess;
beforeAll(async () => {
  cluster = await startKafka({
    brokerCount: 1,
    saslSsl: true,
    // Super users may do everything, everybody else nothing.
    brokerConfig: { 'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer' },
  });
  if (cluster.secure === undefined) throw new Error('the cluster has no secured listeners');
  secure = cluster.secure;
});
afterAll(() => cluster.stop());

function address(
  bootstrap: string,
  tls: TlsOptions | undefined,
  sasl: SaslOptions | undefined,
  connectTimeoutMs = 30_000,
): ClusterAddress {
  return { brokers: bootstrap.split(','), clientId: 'security-test', tls, sasl, connectTimeoutMs };
}

/** For what cannot be reached. */
const SHORT_MS = 4_000;

/** A token that the test cluster takes as it is: a JWT without a signature. */
function token(principal: string): () => Promise<OAuthToken> {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return () => {
    const nowSeconds = Math.floor(Date.now() / 1000);
    const claims = { sub: principal, iat: nowSeconds, exp: nowSeconds + 3_600 };
    return Promise.resolve({
      value: `${part({ alg: 'none' })}.${part(claims)}.`,
      expiresAtMs: (nowSeconds + 3_600) * 1_000,
      principal,
    });
  };
}

function password(
  mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512',
  secret = secure.password,
): SaslOptions {
  return { mechanism, username: secure.username, password: secret };
}

const record: OutgoingRecord = { key: Buffer.from('k'), value: Buffer.from('v'), headers: [] };

/** Appends one record with the data client and sees it with the control client. */
async function useBoth(at: ClusterAddress): Promise<void> {
  const admin = await platformaticAdmin(at);
  try {
    const topic = `secure-${randomUUID()}`;
    await admin.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }]);
    const driver = confluentDriver({ address: at, admin: () => Promise.resolve(admin) });
    const appender = await driver.appender();
    const { outcomes } = await appender.append({ topic, partition: 0, records: [record] });
    await appender.close({ timeoutMs: 5_000 });
    expect(outcomes).toMatchObject([{ kind: 'appended', offset: 0 }]);
    expect(await admin.logEnds([{ topic, partition: 0 }])).toEqual([
      { topic, partition: 0, start: 0, end: 1 },
    ]);
  } finally {
    await admin.close();
  }
}

/** Both clients must fail, with this code. */
async function bothFail(at: ClusterAddress, code: string): Promise<void> {
  await expect(platformaticAdmin(at)).rejects.toMatchObject({ code });
  const driver = confluentDriver({ address: at, admin: () => Promise.reject(new Error('not needed')) });
  await expect(driver.appender()).rejects.toMatchObject({ code });
}

describe('the same security options', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'let both clients in by %s over TLS',
    async (mechanism) => {
      await useBoth(address(secure.bootstrap, { ca: secure.ca }, password(mechanism)));
    },
  );

  it('let both clients in by an OAUTHBEARER token', async () => {
    const sasl = { mechanism: 'OAUTHBEARER', token: token(secure.username) } as const;
    await useBoth(address(secure.bootstrap, { ca: secure.ca }, sasl));
  });

  it('let both clients in by a client certificate', async () => {
    await useBoth(address(secure.mtlsBootstrap, { ca: secure.ca, ...secure.client }, undefined));
  });

  it('let both clients in without checking the broker when told so', async () => {
    await useBoth(address(secure.bootstrap, { rejectUnauthorized: false }, password('PLAIN')));
  });
});

// Some wait for a timeout of their own.
describe.concurrent('wrong security options', () => {
  it.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
    'are refused by name: a wrong password, %s',
    async (mechanism) => {
      const wrong = password(mechanism, 'wrong');
      await bothFail(address(secure.bootstrap, { ca: secure.ca }, wrong), 'KAFKA_AUTHENTICATION_FAILED');
    },
  );

  it('are refused by name: a broker whose certificate nobody we trust has signed', async () => {
    await bothFail(address(secure.bootstrap, {}, password('PLAIN')), 'KAFKA_AUTHENTICATION_FAILED');
  });

  it('are refused by name: no client certificate where one is required', async () => {
    await bothFail(
      address(secure.mtlsBootstrap, { ca: secure.ca }, undefined),
      'KAFKA_AUTHENTICATION_FAILED',
    );
  });

  it('are refused by name: a token provider that fails', async () => {
    const sasl = {
      mechanism: 'OAUTHBEARER',
      token: () => Promise.reject(new Error('no token today')),
    } as const;
    await bothFail(address(secure.bootstrap, { ca: secure.ca }, sasl), 'KAFKA_AUTHENTICATION_FAILED');
  });

  it('end as unreachable, with a hint, where TLS is spoken on one side only', async () => {
    const plain = address(secure.bootstrap, undefined, undefined, SHORT_MS);
    await expect(platformaticAdmin(plain)).rejects.toMatchObject({
      code: 'KAFKA_UNREACHABLE',
      message: expect.stringContaining('TLS'),
    });
    const tls = address(cluster.bootstrap, { ca: secure.ca }, undefined, SHORT_MS);
    await expect(platformaticAdmin(tls)).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
  });

  it('end as unreachable where nobody listens, at the connect timeout', async () => {
    const startMs = performance.now();
    const nobody = address('127.0.0.1:1', undefined, undefined, SHORT_MS);
    await expect(platformaticAdmin(nobody)).rejects.toMatchObject({ code: 'KAFKA_UNREACHABLE' });
    expect(performance.now() - startMs).toBeGreaterThan(SHORT_MS - 500);
  });
});

/** Kafka: CreateAcls. Brokers learn of it a moment later. */
async function allow(
  principal: string,
  on: { readonly kind: 'TOPIC' | 'GROUP' | 'CLUSTER'; readonly name: string },
  operation: 'DESCRIBE' | 'DELETE',
): Promise<void> {
  const admin = new LibraryAdmin({
    clientId: 'security-test',
    bootstrapBrokers: [cluster.bootstrap],
    retries: 5,
  });
  await admin.createAcls({
    creations: [
      {
        resourceType: ResourceTypes[on.kind],
        resourceName: on.name,
        resourcePatternType: ResourcePatternTypes.LITERAL,
        principal: `User:${principal}`,
        host: '*',
        operation: AclOperations[operation],
        permissionType: AclPermissionTypes.ALLOW,
      },
    ],
  });
  await admin.close();
}

describe('a principal without rights', () => {
  async function asNobody(): Promise<Admin> {
    const sasl = { mechanism: 'OAUTHBEARER', token: token('nobody') } as const;
    return platformaticAdmin(address(secure.bootstrap, { ca: secure.ca }, sasl));
  }

  it('is told so by name', async () => {
    const admin = await asNobody();
    const denied = { code: 'KAFKA_AUTHORIZATION_FAILED' };
    await expect(admin.describeTopics(['some-topic'])).rejects.toMatchObject(denied);
    await expect(admin.brokerConfigs()).rejects.toMatchObject(denied);
    await expect(admin.groupProtocol('some-group')).rejects.toMatchObject(denied);
    const spec = { name: 'some-topic', partitions: 1, replicationFactor: 1, configs: {} };
    await expect(admin.createTopics([spec])).rejects.toMatchObject(denied);
    expect(await admin.brokerCount()).toBe(1);
    expect(await admin.offersConsumerProtocol()).toBe(true);
    await admin.close();
  });

  it('reaches logs and commits of others as far as it is allowed, and hears of the rest by name', async () => {
    const owner = await platformaticAdmin(address(secure.bootstrap, { ca: secure.ca }, password('PLAIN')));
    const topic = `acl-${randomUUID()}`;
    const group = `acl-${randomUUID()}`;
    const place = { topic, partition: 0 };
    await owner.createTopics([{ name: topic, partitions: 1, replicationFactor: 1, configs: {} }]);
    const driver = confluentDriver({
      address: address(secure.bootstrap, { ca: secure.ca }, password('PLAIN')),
      admin: () => Promise.resolve(owner),
    });
    const appender = await driver.appender();
    for (let n = 0; n < 2; n += 1) await appender.append({ ...place, records: [record] });
    await appender.close({ timeoutMs: 5_000 });
    const admin = await asNobody();
    const denied = { failure: { kind: 'authorization' } };
    const deletion = { ...place, offset: 1 };

    // Nothing may be done; then each right by itself, as docs/retention.md tells them.
    expect(await admin.deleteRecords([deletion])).toMatchObject([
      { ...place, logStart: undefined, ...denied },
    ]);
    expect(await admin.offsetsForTime([place], 0)).toMatchObject([{ ...place, failure: denied.failure }]);
    await expect(admin.committedOffsets(group, [place])).rejects.toMatchObject(denied);
    await expect(admin.logSizes([place])).rejects.toMatchObject(denied);

    await allow('nobody', { kind: 'TOPIC', name: topic }, 'DESCRIBE');
    await expect.poll(() => admin.offsetsForTime([place], 0).catch(() => [])).toMatchObject([{ offset: 0 }]);
    expect(await admin.deleteRecords([deletion])).toMatchObject([
      { ...place, logStart: undefined, ...denied },
    ]);
    await expect(admin.committedOffsets(group, [place])).rejects.toMatchObject(denied);
    await expect(admin.logSizes([place])).rejects.toMatchObject(denied);

    await allow('nobody', { kind: 'TOPIC', name: topic }, 'DELETE');
    await expect.poll(() => admin.deleteRecords([deletion])).toMatchObject([{ ...place, logStart: 1 }]);
    await allow('nobody', { kind: 'GROUP', name: group }, 'DESCRIBE');
    await expect
      .poll(() => admin.committedOffsets(group, [place]).catch(() => []))
      .toEqual([{ ...place, offset: undefined, metadata: '' }]);
    await expect(admin.logSizes([place])).rejects.toMatchObject(denied);
    await allow('nobody', { kind: 'CLUSTER', name: 'kafka-cluster' }, 'DESCRIBE');
    await expect
      .poll(() =>
        admin
          .logSizes([place])
          .then((sizes) => sizes.get(`${topic}/0`))
          .catch(() => undefined),
      )
      .toBeGreaterThan(0);
    await Promise.all([owner.close(), admin.close()]);
  });

  it('can start on topics whose settings it may not read, and is told what is unknown', async () => {
    const owner = await platformaticAdmin(address(secure.bootstrap, { ca: secure.ca }, password('PLAIN')));
    const plan = planTopics({
      queue: `acl-${randomUUID()}`,
      partitions: 2,
      replicationFactor: 1,
      minInsyncReplicas: 1,
      maxRecordBytes: 1_000_000,
      retention: resolveRetention({}, 1_800_000),
    });
    const common = { plan, onMissing: 'create', embedded: undefined } as const;
    const facts = await ensureTopics({ ...common, admin: owner, onWarning: () => undefined });
    const nobody = await asNobody();
    // May describe the queue's topics, as any producer may; nothing else.
    const admin: Admin = {
      describeTopics: (names) => (names.includes(facts.queue.name) ? owner : nobody).describeTopics(names),
      topicConfigs: (name) => nobody.topicConfigs(name),
      brokerConfigs: () => nobody.brokerConfigs(),
      brokerCount: () => nobody.brokerCount(),
      createTopics: (specs) => nobody.createTopics(specs),
      logEnds: (partitions) => nobody.logEnds(partitions),
      eachLogEnds: (partitions) => nobody.eachLogEnds(partitions),
      leaderEnds: (leaders) => nobody.leaderEnds(leaders),
      deleteRecords: (positions) => nobody.deleteRecords(positions),
      offsetsForTime: (partitions, timestampMs) => nobody.offsetsForTime(partitions, timestampMs),
      committedOffsets: (group, partitions) => nobody.committedOffsets(group, partitions),
      logSizes: (partitions) => nobody.logSizes(partitions),
      groupProtocol: (group) => nobody.groupProtocol(group),
      groupMembers: (group) => nobody.groupMembers(group),
      offersConsumerProtocol: () => nobody.offersConsumerProtocol(),
      close: () => nobody.close(),
    };
    const problems: TopicProblem[] = [];
    const found = await ensureTopics({
      ...common,
      admin,
      onWarning: (problem) => void problems.push(problem),
    });
    expect(found).toEqual(facts);
    expect(problems.filter((p) => p.severity === 'unknown').map((p) => p.code)).toEqual([
      ...plan.topics.map(() => 'TOPIC_CONFIGS_UNKNOWN'),
      'BROKER_CONFIGS_UNKNOWN',
      'OFFSETS_TOPIC_UNKNOWN',
    ]);
    await Promise.all([owner.close(), nobody.close()]);
  });
});
