import type { KafkaDriver } from '../driver.ts';
import { MemoryAdmin } from './memory-admin.ts';
import { MemoryAppender } from './memory-appender.ts';
import type { MemoryCluster } from './memory-cluster.ts';
import { MemoryMembership } from './memory-membership.ts';
import { MemoryReader } from './memory-reader.ts';

/** One process's way into a {@link MemoryCluster}. Several drivers may share a cluster. */
export function memoryDriver(cluster: MemoryCluster): KafkaDriver {
  return {
    embedded: cluster.embedded,
    appender: async () => new MemoryAppender(cluster),
    reader: async () => new MemoryReader(cluster),
    membership: (options) => new MemoryMembership(cluster, options),
    admin: async () => new MemoryAdmin(cluster),
    close: async () => {},
  };
}
