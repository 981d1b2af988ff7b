import { beforeEach, describe, expect, it } from 'vitest';
import { WatchedMember } from '../../test/conformance/watched-member.ts';
import { ManualClock } from '../clock/manual-clock.ts';
import { failures } from '../kafka/memory/failures.ts';
import { MemoryCluster } from '../kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import type { Membership } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { RejoiningMembership } from './rejoining-membership.ts';

let clock: ManualClock;
let cluster: MemoryCluster;
/** Why members joined again, in their order. */
let differences: string[];
/** What is done to each member that is opened. */
let around: (membership: Membership) => Membership;
beforeEach(() => {
  clock = new ManualClock();
  cluster = new MemoryCluster({ clock });
  cluster.createTopic('t', { partitions: 4 });
  differences = [];
  around = (membership) => membership;
});

function member(): WatchedMember {
  const plain = memoryDriver(cluster);
  const admin = plain.admin();
  const rejoining = {
    ...plain,
    membership: (options: Parameters<typeof plain.membership>[0]) =>
      new RejoiningMembership({
        topic: 't',
        open: () => around(plain.membership(options)),
        members: async () => (await admin).groupMembers('g'),
        clock,
        onRejoining: ({ difference }) => differences.push(difference),
      }),
  };
  const settings = { group: 'g', topics: ['t'], protocol: 'consumer', maxPollIntervalMs: 300_000 } as const;
  return new WatchedMember(rejoining, settings);
}

async function joined(): Promise<WatchedMember> {
  const one = member();
  await one.join();
  await clock.advance(0);
  return one;
}

/** Has the next member that is opened believe that it did not hear an answer. */
function nextHearsNothing(): () => void {
  let tell: (() => void) | undefined;
  around = (membership) => {
    around = (other) => other;
    return {
      ...bound(membership),
      join: (listener) => {
        tell = () => listener({ kind: 'unheard' });
        return membership.join(listener);
      },
    };
  };
  return () => tell?.();
}

const shares = (...members: WatchedMember[]) => members.map(({ owned }) => owned.size);

describe('an answer that was not heard', () => {
  it('and gave partitions: they have an owner who knows of them within half a minute', async () => {
    const [first, second] = [await joined(), await joined()];
    cluster.faults.loseAssignment('assigned');
    await second.membership.leave();
    await clock.advance(20_000);
    expect(shares(first)).toEqual([2]);
    await clock.advance(10_000);
    expect(shares(first)).toEqual([4]);
    expect(differences).toEqual(['was not told that it owns t/0, t/1, and is to give up nothing']);
  });

  it('and asked for partitions: others have them within half a minute', async () => {
    const first = await joined();
    cluster.faults.loseAssignment('revoked');
    const second = await joined();
    await clock.advance(20_000);
    expect(shares(first, second)).toEqual([4, 0]);
    await clock.advance(10_000);
    expect(shares(first, second)).toEqual([2, 2]);
    expect(differences).toHaveLength(1);
  });

  it('and gave the first partitions that a member ever had', async () => {
    const first = await joined();
    cluster.faults.loseAssignment('assigned');
    const second = await joined();
    await clock.advance(30_000);
    expect(shares(first, second)).toEqual([2, 2]);
    expect(differences).toEqual(['holds nothing']);
  });

  it('and said nothing: nobody joins again, and nobody asks for long', async () => {
    const [first, second] = [await joined(), await joined()];
    const unheard = nextHearsNothing();
    const third = await joined();
    const events = third.events.length;
    unheard();
    expect(clock.pendingCount).toBe(1);
    await clock.advance(70_000);
    expect(clock.pendingCount).toBe(0);
    expect(differences).toEqual([]);
    expect(third.events).toHaveLength(events);
    expect(Math.min(...shares(first, second, third))).toBe(1);
  });

  it('and said nothing to one that waits for a long drain: it waits on, and looks until that is over', async () => {
    const first = await joined();
    first.answersAtOnce = false;
    const unheard = nextHearsNothing();
    const second = await joined();
    unheard();
    await clock.advance(240_000);
    expect(differences).toEqual([]);
    first.answer();
    await clock.advance(5_000);
    expect([shares(first, second), clock.pendingCount, differences]).toEqual([[2, 2], 0, []]);
  });

  it('and gave the first partitions while another one waits for a drain: they have an owner soon after it', async () => {
    const [first, second] = [await joined(), await joined()];
    cluster.faults.loseAssignment('assigned');
    const third = await joined();
    for (const one of [first, second]) one.answersAtOnce = false;
    const fourth = await joined();
    await clock.advance(100_000);
    expect([shares(first, second, third, fourth), differences]).toEqual([[1, 1, 0, 0], []]);
    for (const one of [first, second]) one.answer();
    await clock.advance(30_000);
    expect(differences).toEqual(['holds nothing']);
    expect(shares(first, second, third, fourth)).toEqual([1, 1, 1, 1]);
  });
});

describe('a member that joins again', () => {
  /** Two that share, and then the first has not heard that it owns all. */
  async function deaf(): Promise<WatchedMember> {
    const [first, second] = [await joined(), await joined()];
    cluster.faults.loseAssignment('assigned');
    await second.membership.leave();
    return first;
  }

  it('gives up what it holds in good order first', async () => {
    const first = await deaf();
    first.answersAtOnce = false;
    await clock.advance(60_000);
    expect(first.events.at(-1)).toMatchObject({ kind: 'revoked' });
    expect(await first.commit({ topic: 't', partition: 0, offset: 1, metadata: '' })).toBeUndefined();
    first.answer();
    await clock.advance(0);
    expect(shares(first)).toEqual([4]);
    expect(await first.commit({ topic: 't', partition: 3, offset: 1, metadata: '' })).toBeUndefined();
    expect(differences).toHaveLength(1);
  });

  it('takes what it was asked for, and has not answered, for no difference', async () => {
    const unheard = nextHearsNothing();
    const first = await joined();
    first.answersAtOnce = false;
    const second = await joined();
    unheard();
    await clock.advance(59_000);
    expect(differences).toEqual([]);
    first.answer();
    await clock.advance(0);
    expect(shares(first, second)).toEqual([2, 2]);
  });

  it('tries until it is in, and says what keeps it out', async () => {
    const first = await deaf();
    const unreachable = new KafkaRequestError('no', failures.unreachable);
    let tries = 0;
    around = (membership) => {
      tries += 1;
      return tries > 3 ? membership : { ...bound(membership), join: () => Promise.reject(unreachable) };
    };
    await clock.advance(60_000);
    expect(shares(first)).toEqual([4]);
    expect(first.eventsOf('problem').map(({ failure }) => failure.kind)).toEqual([
      'unreachable',
      'unreachable',
      'unreachable',
    ]);
  });

  it('stops in the middle of that', async () => {
    const first = await deaf();
    around = (membership) => ({
      ...bound(membership),
      join: () => Promise.reject(new KafkaRequestError('no', failures.unreachable)),
    });
    await clock.advance(30_000);
    expect(shares(first)).toEqual([0]);
    await first.membership.leave();
    expect(clock.pendingCount).toBe(0);
    expect(cluster.group('g').seats).toHaveLength(0);
  });

  it('stops while it gives up what it holds, and joins no more', async () => {
    const first = await deaf();
    first.answersAtOnce = false;
    await clock.advance(30_000);
    const left = first.membership.leave();
    first.answer();
    await clock.advance(0);
    await left;
    expect(shares(first)).toEqual([0]);
    expect(cluster.group('g').seats).toHaveLength(0);
  });

  it('is abandoned while it gives up what it holds', async () => {
    const first = await deaf();
    first.answersAtOnce = false;
    await clock.advance(30_000);
    const abandoned = first.membership.abandon();
    await clock.advance(0);
    await abandoned;
    expect(cluster.group('g').seats).toHaveLength(0);
  });

  it('has lost what it could not wait to be asked for', async () => {
    around = (membership) => ({ ...bound(membership), leave: () => membership.abandon() });
    const first = await deaf();
    await clock.advance(30_000);
    expect(first.eventsOf('lost').map(({ partitions }) => partitions.length)).toEqual([2]);
    expect(shares(first)).toEqual([4]);
  });

  it('looks again when the coordinator could not be asked', async () => {
    const first = await deaf();
    cluster.faults.failAdmin('groupMembers', failures.unreachable);
    await clock.advance(40_000);
    expect(first.eventsOf('problem').map(({ failure }) => failure.kind)).toEqual(['unreachable']);
    expect(shares(first)).toEqual([4]);
  });
});

function bound(membership: Membership): Membership {
  return {
    join: (listener) => membership.join(listener),
    commit: (offsets) => membership.commit(offsets),
    committed: (partitions) => membership.committed(partitions),
    leave: () => membership.leave(),
    abandon: () => membership.abandon(),
  };
}
