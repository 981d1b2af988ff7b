import type { ConfigMap } from '../admin.ts';
import { BrokerRefusal } from './classify-failure.ts';
import { connectionTo, readMetadata } from './metadata.ts';
import { type Attempt, type Connection, send } from './requests.ts';

const TOPIC = 2;
const BROKER = 4;

/** Effective values of a topic's configs, defaults included. */
export async function readTopicConfigs(attempt: Attempt, name: string): Promise<ConfigMap> {
  return read(attempt, await attempt.connections.any(), TOPIC, name);
}

/** Effective values of one live broker: a broker answers for itself only, so the first that answers is taken. */
export async function readBrokerConfigs(attempt: Attempt): Promise<ConfigMap> {
  const view = await readMetadata(attempt, []);
  const failures: unknown[] = [];
  for (const nodeId of view.brokers.keys()) {
    let connection: Connection;
    try {
      connection = await connectionTo(attempt, view, nodeId);
    } catch (error) {
      failures.push(error);
      continue;
    }
    return read(attempt, connection, BROKER, String(nodeId));
  }
  throw new AggregateError(failures, 'no broker answered');
}

async function read(
  { library }: Attempt,
  connection: Connection,
  resourceType: typeof TOPIC | typeof BROKER,
  resourceName: string,
): Promise<ConfigMap> {
  const resources = [{ resourceType, resourceName, configurationKeys: null }];
  const answer = await send(library.describeConfigsV4.api, connection, resources, false, false);
  const values = new Map<string, string>();
  for (const { errorCode, errorMessage, configs } of answer.results) {
    if (errorCode !== 0) throw new BrokerRefusal(errorCode, errorMessage ?? 'the broker gave no reason');
    for (const { name, value } of configs) if (value != null) values.set(name, value);
  }
  return values;
}
