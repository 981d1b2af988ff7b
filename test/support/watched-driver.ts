import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { Membership } from '../../src/kafka/port.ts';
import type { QueueRig } from './queue-rig.ts';

/** The members that a process brings into being, so that a test can do things to them. */
export function watchedDriver(rig: QueueRig): {
  readonly driver: KafkaDriver;
  readonly members: Membership[];
} {
  const plain = memoryDriver(rig.cluster);
  const members: Membership[] = [];
  const membership: KafkaDriver['membership'] = (options) => {
    const member = plain.membership(options);
    members.push(member);
    return member;
  };
  return { members, driver: { ...plain, membership } };
}
