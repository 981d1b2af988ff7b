import type { KafkaDriver } from '../kafka/driver.ts';
import type { GroupProtocol, Membership } from '../kafka/port.ts';
import type { Emitter } from '../telemetry/emitter.ts';
import { RejoiningMembership } from './rejoining-membership.ts';
import type { WorkerDeps } from './worker-deps.ts';
import type { WorkerEvents } from './worker-events.ts';
import type { ResolvedWorkerOptions } from './worker-options.ts';

interface MembershipPlan {
  readonly deps: WorkerDeps;
  readonly options: ResolvedWorkerOptions;
  readonly group: string;
  readonly topic: string;
  readonly driver: KafkaDriver;
  readonly protocol: GroupProtocol;
  readonly events: Emitter<WorkerEvents>;
}

/** The worker's place in its group. Nothing is joined yet. */
export function openMembership(plan: MembershipPlan): Membership {
  const { deps, group, topic, driver, protocol, events } = plan;
  const { rebalance } = plan.options;
  const open = (): Membership =>
    driver.membership({
      group,
      topics: [topic],
      protocol,
      sessionTimeoutMs: rebalance.detectFailureMs,
      // The brokers' patience must outlast a drain, its last commit and a stall or two.
      maxPollIntervalMs: Math.max(300_000, rebalance.drainMs * 2 + 60_000),
      staticMemberId: rebalance.staticMemberId,
      rackId: rebalance.rackId,
    });
  // Classic members are told everything at each rebalance; the embedded cluster cannot be asked, and is not far away.
  if (protocol === 'classic' || driver.embedded !== undefined) return open();
  return new RejoiningMembership({
    topic,
    open,
    members: async () => (await deps.admin()).groupMembers(group),
    clock: deps.clock,
    onRejoining: ({ difference, certain }) => events.emit('rejoining', { group, difference, certain }),
  });
}
