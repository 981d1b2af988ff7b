import { OptionsError } from '../../errors/options-error.ts';
import type { BatchCompression, MembershipOptions, ReaderOptions } from '../port.ts';
import { KafkaRequestError } from '../request-error.ts';
import type { ClusterAddress } from '../security.ts';
import {
  compressionProblem,
  connectionConfig,
  membershipConfig,
  producerConfig,
  readerConfig,
  securityCallbacks,
} from './client-config.ts';
import { bounded, ClientEvents, connectClient, type LiveClient } from './connection.ts';
import { failureOfError } from './failure.ts';
import {
  type DeliveryListener,
  loadNative,
  type MemberCallbacks,
  type NativeClientConfig,
  type NativeConfig,
  type NativeConsumer,
  type NativeModule,
  type NativeProducer,
} from './native.ts';

export interface ClientTuning {
  /** The largest record and batch. Kafka: message.max.bytes. */
  readonly maxRecordBytes: number;
  /** Of batches that are produced. */
  readonly compression: BatchCompression;
  /** How long a broker holds a fetch that finds nothing. Kafka: fetch.max.wait.ms. */
  readonly fetchWaitMs: number;
  /** Over the adapter's own producer properties. */
  readonly producer: NativeConfig;
}

/** Makes clients of one cluster and connects them; each client object is connected once. */
export class ClientFactory {
  readonly #address: ClusterAddress;
  readonly #tuning: ClientTuning;

  constructor(address: ClusterAddress, tuning: ClientTuning) {
    this.#address = address;
    this.#tuning = tuning;
  }

  async producer(onDelivery: DeliveryListener): Promise<LiveClient<NativeProducer>> {
    const { Producer } = await this.#native();
    const live = this.#make(
      'producer',
      (common) =>
        new Producer(
          {
            ...common,
            ...producerConfig(this.#tuning.maxRecordBytes, this.#tuning.compression),
            ...this.#tuning.producer,
            dr_cb: onDelivery,
          },
          undefined,
        ),
      // No flush: who closes has waited for the reports, and a flush would hold a pool thread.
      (client, done) => client.disconnect(0, done),
    );
    await connectClient(live, 'producer', this.#address.connectTimeoutMs);
    // Reports then arrive by themselves. Before the connection this call would crash the process.
    live.client.setPollInBackground(true);
    return live;
  }

  reader(options: ReaderOptions, onFilled: () => void): Promise<LiveClient<NativeConsumer>> {
    return this.#consumer('reader', {
      ...readerConfig(options, this.#tuning.fetchWaitMs, this.#tuning.maxRecordBytes),
      queue_non_empty_cb: onFilled,
    });
  }

  member(options: MembershipOptions, callbacks: MemberCallbacks): Promise<LiveClient<NativeConsumer>> {
    return this.#consumer(`member of group ${options.group}`, {
      ...membershipConfig(options),
      ...callbacks,
    });
  }

  /** Whichever client is made first says that the compression is not to be had, also one that only reads. */
  async #native(): Promise<NativeModule> {
    const native = await loadNative();
    const problem = compressionProblem(this.#tuning.compression, native.features);
    if (problem !== undefined) throw new OptionsError('connectKafka()', [problem]);
    return native;
  }

  async #consumer(what: string, config: NativeClientConfig): Promise<LiveClient<NativeConsumer>> {
    const { KafkaConsumer } = await this.#native();
    const live = this.#make(
      what,
      (common) => new KafkaConsumer({ ...common, ...config }, undefined),
      (client, done) => client.disconnect(done),
    );
    await connectClient(live, what, this.#address.connectTimeoutMs);
    return live;
  }

  #make<C extends NativeConsumer | NativeProducer>(
    what: string,
    create: (common: NativeClientConfig) => C,
    disconnect: (client: C, done: () => void) => void,
  ): LiveClient<C> {
    const life: { events: ClientEvents | undefined } = { events: undefined };
    const common = {
      ...connectionConfig(this.#address),
      ...securityCallbacks(this.#address, () => life.events?.closed === true),
    };
    let client: C;
    try {
      client = create(common);
    } catch (error) {
      // A property the client does not take: a PEM text or an address that is none, mostly.
      throw new KafkaRequestError(`Could not create the ${what}`, failureOfError(error), error);
    }
    const events = new ClientEvents(client);
    life.events = events;
    return {
      client,
      events,
      disconnect: (timeoutMs) => {
        events.close();
        return bounded(timeoutMs, (done) => disconnect(client, done));
      },
    };
  }
}
