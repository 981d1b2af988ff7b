import { confluentDriver } from '../kafka/confluent/driver.ts';
import { embeddedDriver } from '../kafka/confluent/embedded-driver.ts';
import { platformaticAdmin } from '../kafka/platformatic/admin.ts';
import type { ClusterAddress } from '../kafka/security.ts';
import { type Kafka, KafkaConnection } from './kafka-connection.ts';
import { type KafkaOptions, type ResolvedKafkaOptions, resolveKafkaOptions } from './kafka-options.ts';

/**
 * Names a cluster. Does no I/O: connections are made when the first task is enqueued or the first worker starts, and
 * only then is native code loaded. One connection serves all queues of a process.
 *
 * @throws OptionsError listing every problem.
 */
export function connectKafka(options: KafkaOptions): Kafka {
  const resolved = resolveKafkaOptions(options);
  const { budgetBytes, producer } = resolved;
  if (resolved.embedded === true)
    return new KafkaConnection(embeddedDriver(producer.compression), { budgetBytes, producer });
  const address = addressOf(resolved);
  const driver = confluentDriver({
    address,
    admin: () => platformaticAdmin(address),
    compression: producer.compression,
  });
  return new KafkaConnection(driver, { budgetBytes, producer });
}

function addressOf(options: ResolvedKafkaOptions): ClusterAddress {
  return {
    brokers: options.brokers ?? [],
    clientId: options.clientId,
    tls: withoutUndefined(options.tls),
    sasl: options.sasl,
    connectTimeoutMs: options.connectTimeoutMs,
  };
}

/** An option given as `undefined` is absent. */
function withoutUndefined(tls: ResolvedKafkaOptions['tls']): ClusterAddress['tls'] {
  if (tls === undefined) return undefined;
  const { ca, cert, key, passphrase, rejectUnauthorized } = tls;
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    rejectUnauthorized,
  };
}
