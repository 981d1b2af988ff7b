import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Clock } from '../../src/clock/clock.ts';
import type { Admin } from '../../src/kafka/admin.ts';
import { confluentDriver } from '../../src/kafka/confluent/driver.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { platformaticAdmin } from '../../src/kafka/platformatic/admin.ts';
import { RejoiningMembership } from '../../src/worker/rejoining-membership.ts';
import { WatchedMember } from '../conformance/watched-member.ts';
import { clusterAdmin } from '../faults/cluster-admin.ts';
import { kafkaBrokers } from '../support/kafka/shared.ts';
import { type KafkaProxy, startKafkaProxy } from '../support/kafka-proxy/proxy.ts';
import { addressOf } from './confluent-world.ts';

/** Time runs so much faster for who waits for half a minute. The group's heartbeats are half a second apart. */
const FASTER = 2;
const HEARTBEAT_MS = 500;
const fastClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now() * FASTER,
  setTimer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs / FASTER);
    return { clear: () => clearTimeout(handle) };
  },
};

const PARTITIONS = 4;

/** A group whose first member's heartbeats can be left without answers; the brokers go on hearing them. */
class LossyGroup {
  readonly group = `group-${randomUUID()}`;
  readonly topic = `t-${randomUUID()}`;
  readonly differences: string[] = [];
  readonly #admin: Admin;
  readonly #proxy: KafkaProxy;
  readonly #members: WatchedMember[] = [];

  constructor(admin: Admin, proxy: KafkaProxy) {
    this.#admin = admin;
    this.#proxy = proxy;
  }

  static async open(): Promise<LossyGroup> {
    const proxy = await startKafkaProxy(kafkaBrokers().join(','));
    const admin = await platformaticAdmin(addressOf(kafkaBrokers()));
    const lossy = new LossyGroup(admin, proxy);
    const cluster = clusterAdmin(kafkaBrokers());
    await cluster.setHeartbeats(lossy.group, HEARTBEAT_MS);
    await cluster.close();
    await admin.createTopics([
      { name: lossy.topic, partitions: PARTITIONS, replicationFactor: 3, configs: {} },
    ]);
    return lossy;
  }

  async join(brokers: 'direct' | 'through the proxy'): Promise<WatchedMember> {
    const address = addressOf(brokers === 'direct' ? kafkaBrokers() : this.#proxy.bootstrap.split(','));
    const bare = confluentDriver({ address, admin: () => Promise.resolve(this.#admin) });
    const driver: KafkaDriver = {
      ...bare,
      membership: (options) =>
        new RejoiningMembership({
          topic: this.topic,
          open: () => bare.membership(options),
          members: () => this.#admin.groupMembers(this.group),
          clock: fastClock,
          onRejoining: ({ difference }) => this.differences.push(difference),
        }),
    };
    const member = new WatchedMember(driver, {
      group: this.group,
      topics: [this.topic],
      protocol: 'consumer',
    });
    this.#members.push(member);
    await member.join();
    return member;
  }

  /** No answer to a heartbeat comes through the proxy until this is called. */
  async withoutAnswers(until: () => Promise<void>): Promise<void> {
    const fault = this.#proxy.inject({
      api: 'consumerGroupHeartbeat',
      times: Number.POSITIVE_INFINITY,
      action: { kind: 'drop-response' },
    });
    await until();
    // Whatever there is to be said was said.
    const { length } = fault.hits;
    await expect.poll(() => fault.hits.length, { timeout: 20_000 }).toBeGreaterThan(length + 2);
    this.#proxy.heal();
  }

  async untilCoordinatorSays(owns: number, shouldOwn: number): Promise<void> {
    const said = async (): Promise<boolean> =>
      (await this.#admin.groupMembers(this.group)).some(
        (member) => member.owns.length === owns && member.shouldOwn.length === shouldOwn,
      );
    await expect.poll(said, { timeout: 30_000 }).toBe(true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { membership } of this.#members) await membership.abandon();
    await this.#admin.close();
    await this.#proxy.stop();
  }
}

const untilShares = (shares: readonly number[], ...members: WatchedMember[]): Promise<void> =>
  expect.poll(() => members.map(({ owned }) => owned.size), { timeout: 60_000 }).toEqual(shares);

it('partitions that a member was given by an answer that got lost are worked on', async () => {
  await using lossy = await LossyGroup.open();
  const first = await lossy.join('through the proxy');
  await untilShares([4], first);
  const second = await lossy.join('direct');
  await untilShares([2, 2], first, second);
  await lossy.withoutAnswers(async () => {
    await second.membership.leave();
    await lossy.untilCoordinatorSays(4, 4);
  });
  expect(first.owned.size).toBe(2);
  await untilShares([4], first);
  // The client may have been told once more, for a reason of its own.
  expect(lossy.differences.length).toBeLessThanOrEqual(1);
});

it('partitions that a member was asked for by an answer that got lost are handed on', async () => {
  await using lossy = await LossyGroup.open();
  const first = await lossy.join('through the proxy');
  await untilShares([4], first);
  let second: WatchedMember | undefined;
  await lossy.withoutAnswers(async () => {
    second = await lossy.join('direct');
    await lossy.untilCoordinatorSays(4, 2);
  });
  if (second === undefined) throw new Error('nobody joined');
  expect([first.owned.size, second.owned.size]).toEqual([4, 0]);
  await untilShares([2, 2], first, second);
  expect(lossy.differences.length).toBeLessThanOrEqual(1);
});
