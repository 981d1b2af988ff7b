import confluent from '@confluentinc/kafka-javascript';

/**
 * The Kafka client as it is, without keylane: what its documentation makes one write. For tests that show what keylane
 * adds, and that the proxy and the brokers do what they are told.
 */

/** What the client reports of one record. */
export interface BareReport {
  readonly value: string;
  /** Negative when the client names none. */
  readonly offset: number;
  /** Kafka's or librdkafka's error code; undefined = reported as delivered. */
  readonly error: number | undefined;
}

/** Kafka: CreateTopics. Resolves when the controller has taken it. */
export async function createTopic(brokers: string, topic: string, partitions: number): Promise<void> {
  const admin = confluent.AdminClient.create({ 'bootstrap.servers': brokers });
  try {
    await new Promise<void>((resolve, reject) => {
      const spec = { topic, num_partitions: partitions, replication_factor: 3 };
      admin.createTopic(spec, 10_000, (error: confluent.LibrdKafkaError | undefined) =>
        error === undefined ? resolve() : reject(error),
      );
    });
  } finally {
    admin.disconnect();
  }
}

export class BareProducer {
  readonly #client: confluent.Producer;
  readonly #topic: string;
  readonly #waiting = new Map<string, (report: BareReport) => void>();

  private constructor(client: confluent.Producer, topic: string) {
    this.#client = client;
    this.#topic = topic;
    client.on('delivery-report', (error, report) => {
      const value = String(report.opaque);
      const settle = this.#waiting.get(value);
      this.#waiting.delete(value);
      settle?.({ value, offset: report.offset, error: error?.code });
    });
  }

  /** Idempotent, acks=all; `settings` are librdkafka's. */
  static async connect(
    brokers: string,
    topic: string,
    settings: Readonly<Record<string, number | string | boolean>> = {},
  ): Promise<BareProducer> {
    const client = new confluent.Producer(
      { 'bootstrap.servers': brokers, 'enable.idempotence': true, dr_cb: true, ...settings },
      { acks: -1 },
    );
    const producer = new BareProducer(client, topic);
    await new Promise<void>((resolve, reject) => {
      client.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
    });
    client.setPollInBackground(true);
    return producer;
  }

  /** Hands one record to the client; resolves with its report, also of failure. Values must differ. */
  produce(partition: number, value: string): Promise<BareReport> {
    return new Promise((resolve) => {
      this.#waiting.set(value, resolve);
      this.#client.produce(this.#topic, partition, Buffer.from(value), null, null, value);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#client.disconnect(5_000, () => resolve()));
  }
}

/** All values of one partition, in offset order, up to where the log ends now. */
export async function readAll(brokers: string, topic: string, partition: number): Promise<string[]> {
  const consumer = new confluent.KafkaConsumer(
    { 'bootstrap.servers': brokers, 'group.id': 'bare', 'enable.auto.commit': false },
    {},
  );
  await new Promise<void>((resolve, reject) => {
    consumer.connect({ timeout: 10_000 }, (error) => (error ? reject(error) : resolve()));
  });
  try {
    const end = await new Promise<number>((resolve, reject) => {
      consumer.queryWatermarkOffsets(topic, partition, 10_000, (error, ends) =>
        error ? reject(error) : resolve(ends.highOffset),
      );
    });
    consumer.setDefaultConsumeTimeout(100);
    consumer.assign([{ topic, partition, offset: 0 }]);
    const values: string[] = [];
    for (let next = 0; next < end; ) {
      for (const message of await consumeSome(consumer)) {
        values.push(String(message.value));
        next = message.offset + 1;
      }
    }
    return values;
  } finally {
    await new Promise<void>((resolve) => consumer.disconnect(() => resolve()));
  }
}

function consumeSome(consumer: confluent.KafkaConsumer): Promise<confluent.Message[]> {
  return new Promise((resolve, reject) => {
    consumer.consume(100, (error, messages) => (error ? reject(error) : resolve(messages)));
  });
}
