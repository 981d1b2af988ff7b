import { systemClock } from '../../clock/clock.ts';
import type { EmbeddedLimits, KafkaDriver } from '../driver.ts';
import type { BatchCompression } from '../port.ts';
import { ConfluentAppender } from './appender.ts';
import { DEFAULT_MAX_RECORD_BYTES } from './client-config.ts';
import { ClientFactory } from './client-factory.ts';
import { dataPlane } from './driver.ts';
import { EmbeddedAdmin } from './embedded-admin.ts';
import { type EmbeddedCluster, startEmbeddedCluster } from './embedded-cluster.ts';
import type { NativeDeliveryReport } from './native.ts';

const limits: EmbeddedLimits = {
  // Fixed in librdkafka's mock cluster.
  partitionsPerTopic: 4,
  // It evicts, silently, beyond 5 MiB or 100,000 records.
  partitionBytes: 4_000_000,
};

/**
 * Kafka inside this process: librdkafka's mock cluster, for a first run and for quick tests. Data is gone with
 * `close()`. The cluster starts with the first connection.
 */
export function embeddedDriver(compression: BatchCompression = 'lz4'): KafkaDriver {
  let starting: Promise<EmbeddedCluster> | undefined;
  const cluster = () => {
    starting ??= startEmbeddedCluster();
    return starting;
  };
  const clients = async () =>
    new ClientFactory((await cluster()).address, {
      maxRecordBytes: DEFAULT_MAX_RECORD_BYTES,
      compression,
      // The mock does not wake a waiting fetch when a record arrives.
      fetchWaitMs: 10,
      // Topics come into being by being asked for.
      producer: { 'allow.auto.create.topics': true },
    });
  return {
    embedded: limits,
    ...dataPlane(clients),
    appender: () =>
      ConfluentAppender.connect(
        async (onDelivery) => (await clients()).producer((error, report) => onDelivery(error, dated(report))),
        systemClock,
      ),
    admin: async () => new EmbeddedAdmin(await cluster()),
    close: async () => {
      const started = await starting?.catch(() => undefined);
      await started?.stop();
    },
  };
}

/** The mock answers every append with the same append time, 1,234 ms after 1970. */
function dated(report: NativeDeliveryReport): NativeDeliveryReport {
  return { ...report, timestamp: systemClock.wallMs() };
}
