import { randomUUID } from 'node:crypto';
import { Producer, stringSerializers } from '@platformatic/kafka';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Admin } from '../../src/kafka/admin.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import type { ClusterAddress } from '../../src/kafka/security.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';

function address(): ClusterAddress {
  return {
    brokers: kafkaBrokers(),
    clientId: 'admin-test',
    tls: undefined,
    sasl: undefined,
    connectTimeoutMs: 10_000,
  };
}

let admin: Admin;
beforeAll(async () => {
  admin = await platformaticAdmin(address());
});
afterAll(() => admin.close());

function newName(): string {
  return `admin-${randomUUID()}`;
}

async function newTopic(partitions: number, configs: Record<string, string> = {}): Promise<string> {
  const name = newName();
  await admin.createTopics([{ name, partitions, replicationFactor: 3, configs }]);
  return name;
}

async function append(topic: string, partition: number, count: number): Promise<void> {
  const producer = new Producer({
    clientId: 'admin-test',
    bootstrapBrokers: kafkaBrokers(),
    serializers: stringSerializers,
  });
  const messages = Array.from({ length: count }, (_, i) => ({ topic, partition, value: `v${i}` }));
  await producer.send({ messages, acks: -1 });
  await producer.close();
}

describe('the admin on a real cluster', () => {
  it('counts the brokers and reads what they are set to', async () => {
    expect(await admin.brokerCount()).toBe(3);
    const configs = await admin.brokerConfigs();
    expect(configs.get('socket.request.max.bytes')).toMatch(/^\d+$/);
    expect(configs.get('offsets.topic.replication.factor')).toBe('3');
  });

  it('describes topics with ids, leaders and replicas, and leaves out those that do not exist', async () => {
    const name = await newTopic(5);
    const other = newName();
    const found = await admin.describeTopics([other, name, '__consumer_offsets']);
    expect([...found.keys()].sort()).toEqual(['__consumer_offsets', name].sort());
    const topic = found.get(name);
    expect(topic?.id).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(topic?.partitions.map((p) => p.partition)).toEqual([0, 1, 2, 3, 4]);
    for (const { leader, replicas, inSyncReplicas } of topic?.partitions ?? []) {
      expect(replicas).toContain(leader);
      expect(new Set(replicas)).toEqual(new Set([1, 2, 3]));
      expect(new Set(inSyncReplicas)).toEqual(new Set([1, 2, 3]));
    }
    expect(await admin.describeTopics([other])).toEqual(new Map());
  });

  it('reads effective configs, defaults included', async () => {
    const name = await newTopic(1, { 'retention.ms': '-1' });
    const configs = await admin.topicConfigs(name);
    expect(configs.get('retention.ms')).toBe('-1');
    expect(configs.get('cleanup.policy')).toBe('delete');
    expect(configs.get('unclean.leader.election.enable')).toBe('false');
  });

  it('says unknown topic, not an empty answer, about configs and offsets of a topic that does not exist', async () => {
    const name = newName();
    await expect(admin.topicConfigs(name)).rejects.toMatchObject({
      failure: { kind: 'unknown-topic', code: 3 },
    });
    await expect(admin.logEnds([{ topic: name, partition: 0 }])).rejects.toMatchObject({
      failure: { kind: 'unknown-topic' },
    });
    const real = await newTopic(1);
    await expect(admin.logEnds([{ topic: real, partition: 1 }])).rejects.toMatchObject({
      failure: { kind: 'unknown-topic' },
    });
  });

  it('leaves an existing topic as it is', async () => {
    const name = await newTopic(2);
    const fresh = newName();
    const spec = { partitions: 9, replicationFactor: 3, configs: { 'retention.ms': '1000' } };
    const answer = await admin.createTopics([
      { name, ...spec },
      { name: fresh, ...spec },
    ]);
    expect(answer).toEqual({ created: [fresh], existed: [name] });
    expect((await admin.describeTopics([name])).get(name)?.partitions).toHaveLength(2);
    expect((await admin.topicConfigs(name)).get('retention.ms')).not.toBe('1000');
  });

  it('lets several create the same topic at once: one creates it, and all find it ready', async () => {
    const name = newName();
    const spec = { name, partitions: 50, replicationFactor: 3, configs: {} };
    const others = await Promise.all([platformaticAdmin(address()), platformaticAdmin(address())]);
    const all = [admin, ...others];
    const answers = await Promise.all(all.map((one) => one.createTopics([spec])));
    expect(answers.flatMap((answer) => answer.created)).toEqual([name]);
    for (const one of all) {
      const topic = (await one.describeTopics([name])).get(name);
      expect(topic?.partitions.filter((p) => p.leader !== undefined)).toHaveLength(50);
    }
    await Promise.all(others.map((one) => one.close()));
  });

  it('says why a topic cannot be created', async () => {
    const spec = { name: newName(), partitions: 1, replicationFactor: 7, configs: {} };
    await expect(admin.createTopics([spec])).rejects.toMatchObject({
      code: 'KAFKA_REQUEST_FAILED',
      failure: { kind: 'other', code: 38, message: expect.stringContaining('replication factor') },
    });
    const bad = { name: newName(), partitions: 1, replicationFactor: 3, configs: { 'no.such.config': '1' } };
    await expect(admin.createTopics([bad])).rejects.toMatchObject({ failure: { code: 40 } });
  });

  it('tells where each log starts and ends', async () => {
    const name = await newTopic(3);
    await append(name, 1, 7);
    expect(
      await admin.logEnds([
        { topic: name, partition: 2 },
        { topic: name, partition: 1 },
      ]),
    ).toEqual([
      { topic: name, partition: 2, start: 0, end: 0 },
      { topic: name, partition: 1, start: 0, end: 7 },
    ]);
    expect(await admin.logEnds([])).toEqual([]);
  });

  it('creates, describes and measures 768 partitions in seconds', async () => {
    const startMs = performance.now();
    const name = await newTopic(768);
    const createdMs = performance.now();
    const partitions = Array.from({ length: 768 }, (_, partition) => ({ topic: name, partition }));
    // The leaders are named at once, and serve when their logs are made: the first answer waits for that.
    await admin.logEnds(partitions);
    const servingMs = performance.now();
    const ends = await admin.logEnds(partitions);
    const measuredMs = performance.now();
    const described = (await admin.describeTopics([name])).get(name);
    const describedMs = performance.now();
    expect(ends).toHaveLength(768);
    expect(ends.every((end) => end.start === 0 && end.end === 0)).toBe(true);
    expect(described?.partitions.every((p) => p.leader !== undefined)).toBe(true);
    const took = (fromMs: number, toMs: number): string => `${Math.round(toMs - fromMs)} ms`;
    console.info(
      `768 partitions: created ${took(startMs, createdMs)}, all logs serving ${took(createdMs, servingMs)}, ` +
        `log ends ${took(servingMs, measuredMs)}, described ${took(measuredMs, describedMs)}`,
    );
    expect(measuredMs - servingMs).toBeLessThan(5_000);
  });

  it('answers nothing after it was closed', async () => {
    const closed = await platformaticAdmin(address());
    await closed.close();
    await closed.close();
    await expect(closed.brokerCount()).rejects.toMatchObject({ failure: { kind: 'closed' } });
  });
});
