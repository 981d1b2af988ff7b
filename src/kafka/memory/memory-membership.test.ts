import { beforeEach, describe, expect, it } from 'vitest';
import { type MemberSettings, WatchedMember } from '../../../test/conformance/watched-member.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

let clock: ManualClock;
let cluster: MemoryCluster;
beforeEach(() => {
  clock = new ManualClock();
  cluster = new MemoryCluster({ clock });
  cluster.createTopic('t', { partitions: 4 });
});

const settings: MemberSettings = { group: 'g', topics: ['t'], protocol: 'consumer' };
const commit = { topic: 't', partition: 0, offset: 3, metadata: 'm' };

async function joined(changes: Partial<MemberSettings> = {}): Promise<WatchedMember> {
  const member = new WatchedMember(memoryDriver(cluster), { ...settings, ...changes });
  await member.join();
  await clock.advance(0);
  return member;
}

const shares = (...members: WatchedMember[]) => members.map(({ owned }) => owned.size);

describe('a crashed member', () => {
  it('keeps its partitions until its session times out', async () => {
    const first = await joined({ protocol: 'classic', sessionTimeoutMs: 30_000 });
    cluster.crash(first.membership);
    const second = await joined({ protocol: 'classic' });
    await clock.advance(29_999);
    expect(shares(second)).toEqual([0]);
    await clock.advance(1);
    expect(shares(second)).toEqual([4]);
  });

  it("lives as long as the brokers' own session timeout in a KIP-848 group", async () => {
    const first = await joined({ sessionTimeoutMs: 1_000 });
    cluster.crash(first.membership);
    const second = await joined();
    await clock.advance(44_999);
    expect(shares(second)).toEqual([0]);
    await clock.advance(1);
    expect(shares(second)).toEqual([4]);
  });

  it('can be expired at once', async () => {
    const first = await joined();
    cluster.crash(first.membership);
    const second = await joined();
    cluster.expire();
    await clock.advance(0);
    expect(shares(second)).toEqual([4]);
  });
});

describe('an evicted member', () => {
  it('is fenced at once, then learns that all is lost, then joins again', async () => {
    const member = await joined();
    cluster.evict(member.membership);
    expect(await member.commit(commit)).toBe('fenced');
    expect(cluster.committed('g', commit)).toBeUndefined();
    expect(member.eventsOf('lost')).toHaveLength(1);
    await clock.advance(0);
    expect(shares(member)).toEqual([4]);
    expect(await member.commit(commit)).toBeUndefined();
    expect(cluster.committed('g', commit)).toEqual({ offset: 3, metadata: 'm' });
  });

  it('learns of its loss only after it has answered a revoke', async () => {
    const [first, second] = [await joined(), new WatchedMember(memoryDriver(cluster), settings)];
    first.answersAtOnce = false;
    await second.join();
    await clock.advance(0);
    cluster.evict(first.membership);
    await clock.advance(0);
    expect(first.eventsOf('lost')).toEqual([]);
    expect(await first.commit(commit)).toBe('fenced');
    expect(shares(second)).toEqual([4]);
    first.answer();
    await clock.advance(0);
    expect(first.eventsOf('lost')[0]?.partitions).toHaveLength(2);
    expect(shares(first, second)).toEqual([2, 2]);
  });
});

describe('a frozen member', () => {
  it('is a zombie once its session has timed out, and hears of it when it thaws', async () => {
    const [first, second] = [await joined(), await joined()];
    cluster.freeze(first.membership);
    const late = first.commit(commit);
    await clock.advance(45_000);
    expect(shares(second)).toEqual([4]);
    expect(first.eventsOf('lost')).toEqual([]);
    cluster.thaw(first.membership);
    await clock.advance(0);
    expect(await late).toBe('fenced');
    expect(first.eventsOf('lost')).toHaveLength(1);
    expect(shares(first, second)).toEqual([2, 2]);
  });

  it('goes on as before when it thaws in time', async () => {
    const member = await joined();
    cluster.freeze(member.membership);
    await clock.advance(44_999);
    cluster.thaw(member.membership);
    await clock.advance(60_000);
    expect(await member.commit(commit)).toBeUndefined();
    expect(member.eventsOf('lost')).toEqual([]);
  });
});

describe('a classic group', () => {
  it('refuses the commits of a member that waits for the next generation', async () => {
    const first = await joined({ protocol: 'classic' });
    first.answersAtOnce = false;
    await joined({ protocol: 'classic' });
    const [revoke] = first.eventsOf('revoked');
    expect(revoke?.partitions).toHaveLength(2);
    first.answer();
    expect(await first.commit(commit)).toBe('rebalancing');
    expect(await first.commit(commit)).toBeUndefined();
  });
});

describe('a member', () => {
  it('cannot speak a protocol that the brokers do not offer', async () => {
    cluster = new MemoryCluster({ clock, consumerProtocol: false });
    const member = await joined();
    expect(member.events).toMatchObject([{ kind: 'problem', fatal: true, failure: { kind: 'unsupported' } }]);
  });

  it('reports a topic that does not exist, and gets its partitions once it does', async () => {
    const member = await joined({ topics: ['later'] });
    expect(member.events).toMatchObject([
      { kind: 'problem', fatal: false, failure: { kind: 'unknown-topic' } },
    ]);
    cluster.createTopic('later', { partitions: 3 });
    await clock.advance(0);
    expect(shares(member)).toEqual([3]);
    cluster.addPartitions('later', 2);
    await clock.advance(0);
    expect(shares(member)).toEqual([5]);
  });

  it('is out when another one takes its static id', async () => {
    const first = await joined({ staticMemberId: 's' });
    const second = await joined({ staticMemberId: 's' });
    expect(shares(first, second)).toEqual([0, 4]);
    expect(first.eventsOf('lost')).toHaveLength(1);
    expect(first.eventsOf('problem')).toMatchObject([{ fatal: true, failure: { kind: 'fenced', code: 82 } }]);
    expect(await first.commit(commit)).toBe('fenced');
  });
});

describe('a commit fault', () => {
  it('refuses: nothing is stored', async () => {
    const member = await joined();
    cluster.faults.refuseCommit({ topic: 't' });
    expect(await member.commit(commit)).toBe('rebalancing');
    expect(cluster.committed('g', commit)).toBeUndefined();
  });

  it('loses an ack: it is stored, and looks as if it was not', async () => {
    const member = await joined();
    cluster.faults.loseCommitAck();
    expect(await member.commit(commit)).toBe('unreachable');
    expect(cluster.committed('g', commit)?.offset).toBe(3);
  });

  it('holds a commit, and those behind it', async () => {
    const member = await joined();
    const hold = cluster.faults.holdCommit();
    const results = [member.commit(commit), member.commit({ ...commit, offset: 4 })];
    await hold.reached;
    await clock.advance(1_000);
    expect(cluster.committed('g', commit)).toBeUndefined();
    hold.release();
    expect(await Promise.all(results)).toEqual([undefined, undefined]);
    expect(cluster.committed('g', commit)?.offset).toBe(4);
  });

  it('holds an ack: it is stored meanwhile, and closed when the member goes', async () => {
    const member = await joined();
    const hold = cluster.faults.holdCommitAck();
    const result = member.commit(commit);
    await hold.reached;
    expect(cluster.committed('g', commit)?.offset).toBe(3);
    await member.membership.abandon();
    expect(await result).toBe('closed');
    hold.release();
  });

  it('strikes only a commit that names its place', async () => {
    const member = await joined();
    cluster.faults.refuseCommit({ topic: 't', partition: 1 });
    expect(await member.commit(commit)).toBeUndefined();
    expect(await member.commit({ ...commit, partition: 1 })).toBe('rebalancing');
  });
});
