import { loadNative, type NativeProducer } from '../../src/kafka/confluent/native.ts';

interface Waiting {
  readonly resolve: (offset: number) => void;
  readonly reject: (error: unknown) => void;
}

/** The confluent client as a careful user would call it: callback API, acks=all, idempotent, one promise a record. */
export class BareProducer {
  readonly #client: NativeProducer;

  private constructor(client: NativeProducer) {
    this.#client = client;
  }

  static async connect(
    brokers: readonly string[],
    options: {
      readonly lingerMs: number;
      readonly codec: 'none' | 'lz4';
      readonly batchCount?: number;
      readonly maxRecordBytes?: number;
    },
  ): Promise<BareProducer> {
    const { Producer } = await loadNative();
    const client = new Producer(
      {
        'bootstrap.servers': brokers.join(','),
        acks: 'all',
        'enable.idempotence': true,
        'max.in.flight.requests.per.connection': 5,
        'linger.ms': options.lingerMs,
        'compression.codec': options.codec,
        'batch.num.messages': options.batchCount ?? 100_000,
        'queue.buffering.max.messages': 1_000_000,
        ...(options.maxRecordBytes === undefined ? {} : { 'message.max.bytes': options.maxRecordBytes }),
        'allow.auto.create.topics': false,
        dr_cb: (error: Error | null, report: { readonly opaque: Waiting; readonly offset: number }) => {
          if (error === null) report.opaque.resolve(report.offset);
          else report.opaque.reject(error);
        },
      },
      undefined,
    );
    client.on('event.error', () => undefined);
    client.on('error', () => undefined);
    await new Promise<void>((resolve, reject) => {
      client.connect({ allTopics: false, timeout: 30_000 }, (error) => (error ? reject(error) : resolve()));
    });
    client.setPollInBackground(true);
    return new BareProducer(client);
  }

  /** Resolves with the offset the client reports when it reports success. */
  produce(topic: string, partition: number, value: Buffer, key: Buffer | null): Promise<number> {
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { resolve, reject };
      this.#client.produce(topic, partition, value, key, undefined, waiting, []);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#client.disconnect(5_000, () => resolve()));
  }
}
