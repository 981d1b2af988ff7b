import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Subject } from './port-conformance.ts';
import { numbered, PARTITIONS } from './port-under-test.ts';

const unsupported = { code: 'KAFKA_UNSUPPORTED', failure: { kind: 'unsupported' } };

export function describeAdmin(subject: Subject): void {
  const { bench, can } = subject;
  describe('the admin', () => {
    it('describes topics and leaves out those that do not exist', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const admin = await b.admin();
      const missing = `missing-${randomUUID()}`;
      const found = await admin.describeTopics([missing, topic]);
      expect([...found.keys()]).toEqual([topic]);
      const { partitions, name, id } = found.get(topic) ?? {};
      expect(name).toBe(topic);
      expect(partitions?.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
      for (const { leader, replicas, inSyncReplicas } of partitions ?? []) {
        expect(replicas).toContain(leader);
        expect(inSyncReplicas).toContain(leader);
      }
      if (can.topicIds) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
      else expect(id).toBeUndefined();
      expect(await admin.describeTopics([missing])).toEqual(new Map());
    });

    it('creates topics and names those that existed', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      const old = await b.topic();
      const fresh = `conformance-${randomUUID()}`;
      const spec = { partitions: PARTITIONS, replicationFactor: 3, configs: {} };
      expect(
        await admin.createTopics([
          { name: old, ...spec },
          { name: fresh, ...spec },
        ]),
      ).toEqual({
        created: [fresh],
        existed: [old],
      });
      expect((await admin.describeTopics([fresh])).get(fresh)?.partitions).toHaveLength(PARTITIONS);
    });

    it('knows where logs start and end', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      await b.append({ topic, partition: 2 }, numbered('v', 3));
      const admin = await b.admin();
      const ends = await admin.logEnds([
        { topic, partition: 2 },
        { topic, partition: 0 },
      ]);
      expect(ends).toEqual([
        { topic, partition: 2, start: 0, end: 3 },
        { topic, partition: 0, start: 0, end: 0 },
      ]);
      expect(await admin.logEnds([])).toEqual([]);
      expect(await admin.eachLogEnds([])).toEqual([]);
    });

    it('tells of each log by itself where it starts and ends, or why it does not', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      await b.append({ topic, partition: 2 }, numbered('v', 3));
      const admin = await b.admin();
      const asked = [2, 99, 0].map((partition) => ({ topic, partition }));
      expect(await admin.eachLogEnds(asked)).toMatchObject([
        { topic, partition: 2, start: 0, end: 3 },
        { topic, partition: 99, failure: { kind: 'unknown-topic' } },
        { topic, partition: 0, start: 0, end: 0 },
      ]);
      await admin.close();
      await expect(admin.eachLogEnds(asked)).rejects.toMatchObject({ failure: { kind: 'closed' } });
    });

    it('says unknown topic of the ends of a partition that does not exist', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const admin = await b.admin();
      await expect(admin.logEnds([{ topic, partition: 99 }])).rejects.toMatchObject({
        failure: { kind: 'unknown-topic' },
      });
    });

    it('counts brokers and knows that KIP-848 groups are offered', async (t) => {
      const admin = await bench(t).admin();
      expect(await admin.brokerCount()).toBe(3);
      expect(await admin.offersConsumerProtocol()).toBe(true);
    });

    describeSettings(subject);
    describeGroups(subject);
  });
}

function describeSettings({ bench, can }: Subject): void {
  if (can.topicSettings) {
    it('creates topics as asked for, and reads all that applies to them', async (t) => {
      const admin = await bench(t).admin();
      const name = `conformance-${randomUUID()}`;
      const configs = {
        'retention.ms': '-1',
        'min.insync.replicas': '2',
        'message.timestamp.type': 'LogAppendTime',
      };
      await admin.createTopics([{ name, partitions: 7, replicationFactor: 2, configs }]);
      const { partitions } = (await admin.describeTopics([name])).get(name) ?? {};
      expect(partitions).toHaveLength(7);
      expect(partitions?.every(({ replicas }) => replicas.length === 2)).toBe(true);
      expect(Object.fromEntries(await admin.topicConfigs(name))).toMatchObject({
        ...configs,
        'cleanup.policy': 'delete',
        'compression.type': 'producer',
        'retention.bytes': '-1',
        'unclean.leader.election.enable': 'false',
      });
    });

    it("reads the brokers' own settings", async (t) => {
      const admin = await bench(t).admin();
      const configs = await admin.brokerConfigs();
      expect([...configs.keys()]).toEqual(
        expect.arrayContaining([
          'auto.create.topics.enable',
          'default.replication.factor',
          'message.max.bytes',
          'min.insync.replicas',
          'offsets.topic.replication.factor',
          'unclean.leader.election.enable',
        ]),
      );
    });

    it.for([
      { what: 'more replicas than brokers', part: { replicationFactor: 7 }, code: 38 },
      { what: 'a name that is none', part: { name: 'a b' }, code: 17 },
      { what: 'a setting that is none', part: { configs: { 'no.such.setting': '1' } }, code: 40 },
    ])('refuses to create a topic with $what, but creates others', async ({ part, code }, t) => {
      const b = bench(t);
      const admin = await b.admin();
      const good = { name: `conformance-${randomUUID()}`, partitions: 1, replicationFactor: 3, configs: {} };
      const bad = { ...good, name: `conformance-${randomUUID()}`, ...part };
      await expect(admin.createTopics([good, bad])).rejects.toMatchObject({ failure: { code } });
      await b.until(
        async () => (await admin.describeTopics([good.name])).has(good.name),
        'the other topic was created',
      );
    });

    it('does not take a name that is none for a topic that is missing', async (t) => {
      const admin = await bench(t).admin();
      await expect(admin.describeTopics(['a b'])).rejects.toMatchObject({ failure: { code: 17 } });
    });

    it('says unknown topic of the configs of one that does not exist', async (t) => {
      const admin = await bench(t).admin();
      await expect(admin.topicConfigs(`missing-${randomUUID()}`)).rejects.toMatchObject({
        failure: { kind: 'unknown-topic', code: 3 },
      });
    });
  } else {
    it('says that configs are not to be had', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      await expect(admin.topicConfigs(await b.topic())).rejects.toMatchObject(unsupported);
      await expect(admin.brokerConfigs()).rejects.toMatchObject(unsupported);
    });

    it('creates topics with the partitions it announced, whatever is asked', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      const name = `conformance-${randomUUID()}`;
      await admin.createTopics([{ name, partitions: 7, replicationFactor: 1, configs: {} }]);
      const { partitions } = (await admin.describeTopics([name])).get(name) ?? {};
      expect(partitions).toHaveLength(b.port.driver.embedded?.partitionsPerTopic ?? -1);
    });
  }
}

function describeGroups({ bench, can }: Subject): void {
  if (can.groupProtocol) {
    it.for(['classic', 'consumer'] as const)(
      'recognises a %s group for as long as it has members',
      async (protocol, t) => {
        const b = bench(t);
        const admin = await b.admin();
        const group = `group-${randomUUID()}`;
        expect(await admin.groupProtocol(group)).toBe('none');
        const member = await b.joinedMember({ group, topics: [await b.topic()], protocol });
        await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
        expect(await admin.groupProtocol(group)).toBe(protocol);
        await member.membership.leave();
        expect(await admin.groupProtocol(group)).toBe('none');
      },
    );

    it('knows what the members of a KIP-848 group own and should own', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      const group = {
        group: `group-${randomUUID()}`,
        topics: [await b.topic()],
        protocol: 'consumer' as const,
      };
      const shares = async () =>
        (await admin.groupMembers(group.group))
          .map(({ owns, shouldOwn }) => [owns.length, shouldOwn.length])
          .sort(([a = 0], [c = 0]) => c - a);
      expect(await shares()).toEqual([]);
      const first = await b.joinedMember(group);
      await b.until(() => first.owned.size === PARTITIONS, 'the first member owned everything');
      const [alone] = await admin.groupMembers(group.group);
      expect(new Set(alone?.owns.map(({ partition }) => partition))).toEqual(first.owned);
      first.answersAtOnce = false;
      const second = await b.joinedMember(group);
      await b.until(() => first.unanswered.length > 0, 'the first member was asked for half');
      await b.until(async () => (await shares()).length === 2, 'the coordinator knew both');
      expect(await shares()).toEqual([
        [PARTITIONS, PARTITIONS / 2],
        [0, PARTITIONS / 2],
      ]);
      first.answer();
      await b.until(() => second.owned.size === PARTITIONS / 2, 'the second member owned half');
    });

    it('knows no members of groups of the other kind', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      const group = `group-${randomUUID()}`;
      const member = await b.joinedMember({ group, topics: [await b.topic()], protocol: 'classic' });
      await b.until(() => member.owned.size === PARTITIONS, 'the member owned everything');
      expect(await admin.groupMembers(group)).toEqual([]);
    });

    it('says consumer of a group of both kinds, as long as it has members of that kind', async (t) => {
      const b = bench(t);
      const admin = await b.admin();
      const group = { group: `group-${randomUUID()}`, topics: [await b.topic()] };
      const classic = await b.joinedMember({ ...group, protocol: 'classic' });
      await b.until(() => classic.owned.size === PARTITIONS, 'the classic member owned everything');
      const consumer = await b.joinedMember({ ...group, protocol: 'consumer' });
      await b.until(() => consumer.owned.size === PARTITIONS / 2, 'the other member owned half');
      expect(await admin.groupProtocol(group.group)).toBe('consumer');
      await consumer.membership.leave();
      await b.until(() => classic.owned.size === PARTITIONS, 'the classic member owned everything again');
      expect(await admin.groupProtocol(group.group)).toBe('classic');
    });
  } else {
    it('says that group protocols are not to be had', async (t) => {
      const admin = await bench(t).admin();
      await expect(admin.groupProtocol('group')).rejects.toMatchObject(unsupported);
      await expect(admin.groupMembers('group')).rejects.toMatchObject(unsupported);
    });
  }
}
