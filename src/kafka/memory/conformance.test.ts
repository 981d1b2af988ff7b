import { describeKafkaPort } from '../../../test/conformance/port-conformance.ts';
import { ManualClock } from '../../clock/manual-clock.ts';
import { MemoryCluster } from './memory-cluster.ts';
import { memoryDriver } from './memory-driver.ts';

describeKafkaPort(
  'the in-memory cluster as a Kafka port',
  async () => {
    const clock = new ManualClock();
    const cluster = new MemoryCluster({ clock });
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
    groupProtocol: true,
    deletesRecords: true,
    evictsMembers: true,
    limitsRevokes: true,
    staticMembers: true,
  },
);
