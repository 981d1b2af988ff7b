import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { GroupProtocol, OffsetCommit } from '../../src/kafka/port.ts';
import type { Subject } from './port-conformance.ts';
import { type Bench, PARTITIONS } from './port-under-test.ts';
import type { WatchedMember } from './watched-member.ts';

const ascending = (a: number, b: number) => a - b;
const owns = (member: WatchedMember) => [...member.owned].sort(ascending);
const everything = Array.from({ length: PARTITIONS }, (_, partition) => partition);

/** Waits until the members own all partitions between them, evenly. */
async function untilEven(b: Bench, ...members: readonly WatchedMember[]): Promise<void> {
  const share = PARTITIONS / members.length;
  await b.until(
    () => members.every(({ owned }) => owned.size === share),
    `each of ${members.length} members owned ${share} partitions`,
    () => JSON.stringify(members.map(({ events }) => events)),
  );
  expect(members.flatMap((member) => owns(member)).sort(ascending)).toEqual(everything);
}

/** Commits as an owner: what a rebalance refuses is sent again, and nothing else may refuse it. */
async function commits(b: Bench, member: WatchedMember, offset: OffsetCommit): Promise<void> {
  const refusals = new Set<string>();
  await b.until(
    async () => {
      const failure = await member.commit(offset);
      if (failure !== undefined) refusals.add(failure);
      return failure === undefined;
    },
    'the commit was acknowledged',
    () => JSON.stringify({ refusals: [...refusals], events: member.events }),
  );
  expect([...refusals].filter((kind) => kind !== 'rebalancing')).toEqual([]);
}

export function describeMembership(subject: Subject, protocol: GroupProtocol): void {
  const { bench, can } = subject;
  /** For so long a coordinator has nothing to tell that it tells too early. */
  const aHeartbeat = (b: Bench): Promise<void> =>
    protocol === 'consumer' && can.takesTime ? b.port.pass(4_000) : b.port.settle();
  const settings = (topic: string) => ({ group: `group-${randomUUID()}`, topics: [topic], protocol });

  describe(`a member of a ${protocol} group`, () => {
    it('owns everything when it is alone', async (t) => {
      const b = bench(t);
      const member = await b.joinedMember(settings(await b.topic()));
      await untilEven(b, member);
      expect(member.eventsOf('revoked')).toEqual([]);
      expect(member.eventsOf('lost')).toEqual([]);
    });

    it('gives half to a second one, which gets it only after the answer', async (t) => {
      const b = bench(t);
      const group = settings(await b.topic());
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      first.answersAtOnce = false;
      const second = await b.joinedMember(group);
      await b.until(() => first.unanswered.length > 0, 'a revoke came');

      await aHeartbeat(b);
      expect(owns(second)).toEqual([]);
      const given = first.eventsOf('revoked').flatMap(({ partitions }) => partitions);
      expect(given).toHaveLength(PARTITIONS / 2);
      const lastWords = given.map((partition) => ({ ...partition, offset: 0, metadata: 'last words' }));
      const mayCommit = protocol === 'consumer' || can.gathersMembers;
      if (mayCommit) for (const offset of lastWords) await commits(b, first, offset);

      first.answer();
      await untilEven(b, first, second);
      if (!mayCommit) return;
      expect(owns(second)).toEqual(given.map(({ partition }) => partition).sort(ascending));
      expect(await second.membership.committed(given)).toEqual(lastWords);
    });

    it('keeps what it was not asked for', async (t) => {
      const b = bench(t);
      const group = settings(await b.topic());
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      const second = await b.joinedMember(group);
      await untilEven(b, first, second);
      expect(first.eventsOf('assigned').flatMap(({ partitions }) => partitions)).toHaveLength(PARTITIONS);
      expect(first.eventsOf('revoked').flatMap(({ partitions }) => partitions)).toHaveLength(PARTITIONS / 2);
      expect(first.eventsOf('lost')).toEqual([]);
    });

    it('commits what it kept, with newer attempts where the rebalance refuses', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const group = settings(topic);
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      const second = await b.joinedMember(group);
      await untilEven(b, first, second);
      const [kept] = owns(first);
      const partition = { topic, partition: kept ?? -1 };
      await commits(b, first, { ...partition, offset: 0, metadata: 'kept' });
      const read = await second.membership.committed([partition]);
      expect(read).toEqual([{ ...partition, offset: 0, metadata: 'kept' }]);
    });

    it('hands everything over when it leaves, and has left only after its answer', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const group = settings(topic);
      const [first, second] = [await b.joinedMember(group), await b.joinedMember(group)];
      await untilEven(b, first, second);
      first.answersAtOnce = false;
      const held = owns(first);
      let left = false;
      const leaving = first.membership.leave().then(() => {
        left = true;
      });
      await b.until(() => first.unanswered.length > 0, 'the leaving member was asked');
      await aHeartbeat(b);
      expect(left).toBe(false);
      expect(held.filter((partition) => second.owned.has(partition))).toEqual([]);
      const [partition] = held;
      const commit = { topic, partition: partition ?? -1, offset: 0, metadata: 'good bye' };
      await commits(b, first, commit);

      first.answer();
      await leaving;
      await untilEven(b, second);
      expect(await second.membership.committed([{ topic, partition: commit.partition }])).toEqual([commit]);
      expect(first.owned.size).toBe(0);
    });

    it('leaves what it owned to the others when it is abandoned, without being asked', async (t) => {
      const b = bench(t);
      const group = settings(await b.topic());
      const [first, second] = [await b.joinedMember(group), await b.joinedMember(group)];
      await untilEven(b, first, second);
      first.answersAtOnce = false;
      const heard = first.events.length;
      await first.membership.abandon();
      await untilEven(b, second);
      expect(first.events).toHaveLength(heard);
    });

    it('leaves alone and comes back as another', async (t) => {
      const b = bench(t);
      const group = settings(await b.topic());
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      await first.membership.leave();
      await first.membership.leave();
      expect(first.owned.size).toBe(0);
      const second = await b.joinedMember(group);
      await untilEven(b, second);
    });

    it('shares nothing with members of other groups', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const [one, other] = [await b.joinedMember(settings(topic)), await b.joinedMember(settings(topic))];
      await untilEven(b, one);
      await untilEven(b, other);
    });

    it('joins once', async (t) => {
      const b = bench(t);
      const member = await b.joinedMember(settings(await b.topic()));
      await expect(member.join()).rejects.toMatchObject({ failure: { kind: 'closed' } });
    });

    if (can.evictsMembers) {
      it('learns that all is lost when it is thrown out, and joins again', async (t) => {
        const b = bench(t);
        const topic = await b.topic();
        // From a KIP-848 group brokers remove static members only.
        const isStatic = protocol === 'consumer';
        const member = await b.joinedMember({
          ...settings(topic),
          ...(isStatic && { staticMemberId: 'victim' }),
        });
        await untilEven(b, member);
        const eviction = b.port.evict?.(member);
        const refusals = new Set<string | undefined>();
        await b.until(async () => {
          // A static member whose commit meets its own successor is out for good.
          if (!isStatic) refusals.add(await member.commit({ topic, partition: 0, offset: 0, metadata: '' }));
          return member.eventsOf('lost').length > 0;
        }, 'the member learnt of its loss');
        await eviction;
        // It may have joined again before a commit was refused, or be about to.
        expect(['fenced', 'rebalancing', undefined]).toEqual(expect.arrayContaining([...refusals]));
        expect(member.eventsOf('lost').flatMap(({ partitions }) => partitions)).toHaveLength(PARTITIONS);
        expect(member.eventsOf('revoked')).toEqual([]);
        await untilEven(b, member);
        await commits(b, member, { topic, partition: 0, offset: 0, metadata: '' });
      });
    } else {
      it('loses nothing while it is in contact', async (t) => {
        const b = bench(t);
        const topic = await b.topic();
        const member = await b.joinedMember(settings(topic));
        await untilEven(b, member);
        await b.port.pass(1_000);
        expect(await member.commit({ topic, partition: 0, offset: 0, metadata: '' })).toBeUndefined();
        expect(member.eventsOf('lost')).toEqual([]);
      });
    }

    if (can.staticMembers) {
      it('gets its partitions back under its static id, without others being asked', async (t) => {
        const b = bench(t);
        const group = { ...settings(await b.topic()), sessionTimeoutMs: 45_000 };
        const other = await b.joinedMember({ ...group, staticMemberId: 'other' });
        const member = await b.joinedMember({ ...group, staticMemberId: 'mine' });
        await untilEven(b, other, member);
        const mine = owns(member);
        const events = other.events.length;
        await member.membership.leave();
        const successor = await b.joinedMember({ ...group, staticMemberId: 'mine' });
        await untilEven(b, other, successor);
        expect(owns(successor)).toEqual(mine);
        const later = other.events.slice(events).flatMap((e) => ('partitions' in e ? e.partitions : []));
        expect(later).toEqual([]);
      });
    } else {
      it('takes part under a static id', async (t) => {
        const b = bench(t);
        const member = await b.joinedMember({ ...settings(await b.topic()), staticMemberId: 'mine' });
        await untilEven(b, member);
      });
    }

    if (protocol === 'consumer') describeRevokeLimit(subject, settings);
  });
}

function describeRevokeLimit(
  { bench, can }: Subject,
  settings: (topic: string) => { group: string; topics: string[]; protocol: GroupProtocol },
): void {
  if (can.limitsRevokes) {
    it('is fenced when it answers a revoke too late, and loses what it kept after the answer', async (t) => {
      const b = bench(t);
      const topic = await b.topic();
      const group = { ...settings(topic), maxPollIntervalMs: 10_000 };
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      first.answersAtOnce = false;
      const second = await b.joinedMember(group);
      await b.until(() => first.unanswered.length > 0, 'a revoke came');
      await b.port.pass(10_000);
      await untilEven(b, second);
      expect(await first.commit({ topic, partition: 0, offset: 0, metadata: '' })).toBe('fenced');
      first.answer();
      await b.until(() => first.eventsOf('lost').length > 0, 'the member learnt of its loss');
      await untilEven(b, first, second);
    });
  } else {
    it('may take its time for a revoke', async (t) => {
      const b = bench(t);
      const group = { ...settings(await b.topic()), maxPollIntervalMs: 10_000 };
      const first = await b.joinedMember(group);
      await untilEven(b, first);
      first.answersAtOnce = false;
      const second = await b.joinedMember(group);
      await b.until(() => first.unanswered.length > 0, 'a revoke came');
      await b.port.pass(2_000);
      expect(owns(second)).toEqual([]);
      first.answer();
      await untilEven(b, first, second);
    });
  }
}
