import { MAX_CODEC_OVERHEAD_BYTES } from '../codec/codec-limits.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { EnqueueError } from '../errors/enqueue-error.ts';
import { EmbeddedParts } from './embedded-parts.ts';
import type { Content } from './encode-large.ts';
import type { Receipt } from './enqueue-types.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';
import type { QueueTopics } from './queue-topics.ts';

/** Writes a queue's large content to its parts topic. */
export class QueueUploads {
  readonly #queue: string;
  readonly #timeoutMs: number;
  readonly #kafka: KafkaConnection;
  readonly #topics: QueueTopics;
  /** Only on the embedded cluster. */
  readonly #embedded: EmbeddedParts | undefined;

  constructor(
    { name, retention }: Pick<ResolvedQueueOptions, 'name' | 'retention'>,
    kafka: KafkaConnection,
    topics: QueueTopics,
  ) {
    this.#queue = name;
    this.#timeoutMs = retention.uploadTimeoutMs;
    this.#kafka = kafka;
    this.#topics = topics;
    const { room } = kafka;
    if (room === undefined) return;
    this.#embedded = new EmbeddedParts((partition, from) =>
      room.finished(this.#queue, topics.partsTopic, partition, from),
    );
  }

  async upload(
    task: { readonly id: string; readonly key: string },
    content: Content,
    signal: AbortSignal,
  ): Promise<BodyManifest> {
    const { maxBytes, ...place } = await this.#topics.partsPlaceFor(
      task.key,
      content.coding === undefined ? 0 : MAX_CODEC_OVERHEAD_BYTES,
    );
    const maxBodyBytes = Math.min(maxBytes, content.maxBodyBytes);
    const job = { ...place, ...content, maxBodyBytes, timeoutMs: this.#timeoutMs, signal };
    const embedded = this.#embedded;
    if (embedded === undefined) return await this.#kafka.uploader.upload(job);
    const at = { queuePartition: this.#topics.partitionFor(task.key), partition: place.partition };
    const onPart = (offset: number): void => embedded.appended(task.id, at, offset);
    return await this.#kafka.uploader.upload({ ...job, onPart });
  }

  /** Sees what becomes of a task whose content may be uploaded. */
  follow(id: string, receipt: Promise<Receipt>): void {
    const embedded = this.#embedded;
    if (embedded === undefined) return;
    receipt.then(
      ({ offset }) => embedded.enqueued(id, Number(offset)),
      (error: unknown) => {
        // One that may be in the log may need its parts.
        if (!(error instanceof EnqueueError) || error.outcome === 'absent') embedded.failed(id);
      },
    );
  }

  /** A group's worker has finished everything below `frontier` in a partition of the queue. */
  finished(group: string, partition: number, frontier: number): void {
    this.#embedded?.finished(group, partition, frontier);
  }
}
