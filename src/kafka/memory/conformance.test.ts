import { describeKafkaPort } from '../../../test/conformance/port-conformance.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

/** Runs one of the waiting steps at a time, by a seeded choice. */
function shuffled(seed: number): (step: () => void) => void {
  const waiting: (() => void)[] = [];
  let state = seed;
  return (step) => {
    waiting.push(step);
    queueMicrotask(() => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      waiting.splice(Math.floor((state / 2 ** 32) * waiting.length), 1)[0]?.();
    });
  };
}

function conformanceOf(name: string, schedule: (step: () => void) => void): void {
  describeKafkaPort(
    name,
    async () => {
      const clock = new ManualClock();
      const cluster = new MemoryCluster({ clock, schedule });
      return {
        driver: memoryDriver(cluster),
        tick: () => clock.advance(0),
        settle: () => clock.advance(0),
        pass: (ms) => clock.advance(ms),
        deleteBefore: async (partition, offset) => cluster.deleteRecords(partition, offset),
        evict: async ({ membership }) => cluster.evict(membership),
        close: async () => {},
      };
    },
    {
      takesTime: false,
      topicSettings: true,
      topicIds: true,
      logAdmin: true,
      groupProtocol: true,
      deletesRecords: true,
      evictsMembers: true,
      gathersMembers: true,
      limitsRevokes: true,
      staticMembers: true,
    },
  );
}

conformanceOf('the in-memory cluster as a Kafka port', queueMicrotask);
conformanceOf('the in-memory cluster as a Kafka port, its steps shuffled (1)', shuffled(1));
conformanceOf('the in-memory cluster as a Kafka port, its steps shuffled (2)', shuffled(2));
conformanceOf('the in-memory cluster as a Kafka port, its steps shuffled (3)', shuffled(3));
