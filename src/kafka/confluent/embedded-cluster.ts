import { KafkaRequestError } from '../request-error.ts';
import type { ClusterAddress } from '../security.ts';
import { bounded, ClientEvents, connectClient, type LiveClient } from './connection.ts';
import { failureOf } from './failure.ts';
import { loadNative, type NativeProducer } from './native.ts';

const BROKERS = 3;
const CONNECT_MS = 10_000;
const DISCONNECT_MS = 5_000;

/** librdkafka's mock cluster. It lives inside one client, its owner, and ends with it. */
export interface EmbeddedCluster {
  readonly address: ClusterAddress;
  /** The owner, for metadata and watermarks. */
  readonly owner: NativeProducer;
  stop(): Promise<void>;
}

export async function startEmbeddedCluster(): Promise<EmbeddedCluster> {
  const { Producer } = await loadNative();
  const client = new Producer(
    { 'test.mock.num.brokers': BROKERS, 'client.id': 'keylane-embedded', 'enable.metrics.push': false },
    undefined,
  );
  const events = new ClientEvents(client);
  const owner: LiveClient<NativeProducer> = {
    client,
    events,
    disconnect: (timeoutMs) => {
      events.close();
      return bounded(timeoutMs, (done) => client.disconnect(0, done));
    },
  };
  const metadata = await connectClient(owner, 'embedded cluster', CONNECT_MS);
  const brokers = metadata.brokers.map(({ host, port }) => `${host}:${port}`);
  if (brokers.length === 0) {
    await owner.disconnect(DISCONNECT_MS);
    const failure = failureOf(-195, 'it has no brokers');
    throw new KafkaRequestError('Could not start the embedded cluster', failure);
  }
  return {
    address: {
      brokers,
      clientId: 'keylane',
      tls: undefined,
      sasl: undefined,
      connectTimeoutMs: CONNECT_MS,
    },
    owner: client,
    stop: () => owner.disconnect(DISCONNECT_MS),
  };
}
