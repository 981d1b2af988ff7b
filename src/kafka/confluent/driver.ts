import { systemClock } from '../../clock/clock.ts';
import type { Admin } from '../admin.ts';
import type { KafkaDriver } from '../driver.ts';
import type { BatchCompression } from '../port.ts';
import type { ClusterAddress } from '../security.ts';
import { ConfluentAppender } from './appender.ts';
import { DEFAULT_MAX_RECORD_BYTES } from './client-config.ts';
import { ClientFactory } from './client-factory.ts';
import { ConfluentMembership } from './membership.ts';
import { ConfluentReader } from './reader.ts';

export interface ConfluentDriverOptions {
  readonly address: ClusterAddress;
  /** The control plane, which this client does not offer. */
  readonly admin: () => Promise<Admin>;
  /**
   * The largest record and the largest batch, in bytes. Raise it only together with the topics' max.message.bytes: the
   * broker refuses batches above that. Kafka: message.max.bytes. Default 1,000,000.
   */
  readonly maxRecordBytes?: number;
  /** Of batches that are produced. Kafka: compression.type. Default lz4. */
  readonly compression?: BatchCompression;
}

/** The data plane on `@confluentinc/kafka-javascript` (librdkafka). */
export function confluentDriver({
  address,
  admin,
  maxRecordBytes,
  compression,
}: ConfluentDriverOptions): KafkaDriver {
  const clients = new ClientFactory(address, {
    maxRecordBytes: maxRecordBytes ?? DEFAULT_MAX_RECORD_BYTES,
    compression: compression ?? 'lz4',
    fetchWaitMs: 500,
    producer: {},
  });
  return {
    embedded: undefined,
    ...dataPlane(() => Promise.resolve(clients)),
    admin,
    close: () => Promise.resolve(),
  };
}

/** Appender, reader and membership; `clients` is asked when one of them connects. */
export function dataPlane(
  clients: () => Promise<ClientFactory>,
): Pick<KafkaDriver, 'appender' | 'reader' | 'membership'> {
  return {
    appender: async () => {
      const factory = await clients();
      return ConfluentAppender.connect((onDelivery) => factory.producer(onDelivery), systemClock);
    },
    reader: async (options) => {
      const factory = await clients();
      const made: { reader: ConfluentReader | undefined } = { reader: undefined };
      const consumer = await factory.reader(options, () => made.reader?.onQueueFilled());
      made.reader = new ConfluentReader(consumer);
      return made.reader;
    },
    membership: (options) =>
      new ConfluentMembership(options, async (callbacks) => (await clients()).member(options, callbacks)),
  };
}
