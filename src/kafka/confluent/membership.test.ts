import { expect, test } from 'vitest';
import type { MembershipEvent, TopicPartition } from '../port.ts';
import type { LiveClient } from './connection.ts';
import { errorCode } from './failure.ts';
import { ConfluentMembership } from './membership.ts';
import type { MemberCallbacks, NativeConsumer, NativeError } from './native.ts';

const partitions: readonly TopicPartition[] = [
  { topic: 'q', partition: 0 },
  { topic: 'q', partition: 1 },
];

/** A member whose client does what it is told and says nothing by itself. */
async function member() {
  const calls: string[] = [];
  const events: MembershipEvent[] = [];
  let callbacks: MemberCallbacks | undefined;
  const noted = (name: string) => (): void => void calls.push(name);
  const client = {
    setDefaultConsumeTimeout: () => {},
    subscribe: () => {},
    consume: () => {},
    pause: () => {},
    assignmentLost: () => false,
    incrementalAssign: noted('assign'),
    incrementalUnassign: noted('give back'),
    unassign: noted('unassign'),
  };
  const membership = new ConfluentMembership(
    {
      group: 'g',
      topics: ['q'],
      protocol: 'consumer',
      sessionTimeoutMs: 30_000,
      maxPollIntervalMs: 300_000,
      staticMemberId: undefined,
      rackId: undefined,
    },
    async (given) => {
      callbacks = given;
      return {
        client: client as unknown as NativeConsumer, // what is not here is not called
        events: { onFailure: () => {}, onUnanswered: () => {}, explain: () => undefined },
        disconnect: async () => {},
      } as unknown as LiveClient<NativeConsumer>;
    },
  );
  await membership.join((event) => events.push(event));
  const rebalance = (code: number): void =>
    callbacks?.rebalance_cb(Object.assign(new Error('rebalance'), { code }) as NativeError, partitions);
  return { calls, events, rebalance };
}

test('a rebalance that failed for an unknown reason loses what was owned, and says so', async () => {
  const { calls, events, rebalance } = await member();
  rebalance(errorCode.assignPartitions);
  rebalance(-199);
  expect(calls).toEqual(['assign', 'unassign']);
  expect(events).toMatchObject([
    { kind: 'assigned', partitions },
    { kind: 'problem', fatal: false },
    { kind: 'lost', partitions },
  ]);
});

test('a revoke that was open when all was lost is not answered any more', async () => {
  const { calls, events, rebalance } = await member();
  rebalance(errorCode.assignPartitions);
  rebalance(errorCode.revokePartitions);
  rebalance(-199);
  const revoked = events.find((event) => event.kind === 'revoked');
  if (revoked?.kind !== 'revoked') throw new Error('nothing was revoked');
  revoked.answer();
  expect(calls).toEqual(['assign', 'unassign']);
});

test('nothing is said to be lost when nothing was owned', async () => {
  const { events, rebalance } = await member();
  rebalance(-199);
  expect(events.map(({ kind }) => kind)).toEqual(['problem']);
});
