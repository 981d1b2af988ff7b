import { MemoryCluster } from '../kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../kafka/memory/memory-driver.ts';
import { type Kafka, KafkaConnection } from '../queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../queue/kafka-options.ts';

/**
 * A Kafka in this process's memory, to test handlers without a broker: pass it to `new TaskQueue({ kafka })` in place of
 * what `connectKafka` gives. Each call makes an empty one of its own, with three make-believe brokers; it loads no native
 * code and opens no connections. Queues, workers, order per key, retries and commits behave as on brokers; it is not
 * durable, and nothing about it tells how fast Kafka would be.
 */
export function testKafka(): Kafka {
  const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
  const cluster = new MemoryCluster({ brokerConfigs: { 'min.insync.replicas': '2' } });
  return new KafkaConnection(memoryDriver(cluster), { budgetBytes, producer });
}
