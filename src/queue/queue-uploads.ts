import { defaultCodecLimits, MAX_CODEC_OVERHEAD_BYTES } from '../codec/codec-limits.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { PayloadStore } from '../codec/payload-store.ts';
import { type ObjectPlace, objectKey } from '../codec/stored-object.ts';
import { EnqueueError } from '../errors/enqueue-error.ts';
import type { UploadStore } from '../producer/upload/stored-upload.ts';
import { UploadError } from '../producer/upload/upload-error.ts';
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
  /** Where content goes in place of the parts topic. */
  readonly #store: PayloadStore | undefined;
  /** Only on the embedded cluster. */
  readonly #embedded: EmbeddedParts | undefined;

  constructor(
    { name, retention, payloadStore }: Pick<ResolvedQueueOptions, 'name' | 'retention' | 'payloadStore'>,
    kafka: KafkaConnection,
    topics: QueueTopics,
  ) {
    this.#queue = name;
    this.#timeoutMs = retention.uploadTimeoutMs;
    this.#store = payloadStore;
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
    const { maxBytes, topicId, ...place } = await this.#topics.partsPlaceFor(
      task.key,
      content.coding === undefined ? 0 : MAX_CODEC_OVERHEAD_BYTES,
    );
    const to = this.#uploadStore({ topicId, partition: place.partition });
    const maxBodyBytes = to === undefined ? Math.min(maxBytes, content.maxBodyBytes) : content.maxBodyBytes;
    const job = { ...place, ...content, to, maxBodyBytes, timeoutMs: this.#timeoutMs, signal };
    const embedded = this.#embedded;
    if (embedded === undefined) return await this.#kafka.uploader.upload(job);
    const at = { queuePartition: this.#topics.partitionFor(task.key), partition: place.partition };
    if (embedded.hasUploaded(task.id)) {
      // It would wait for room that the first one has until the task is finished.
      const limitBytes = defaultCodecLimits.maxRecordBytes;
      const sizeBytes = Buffer.isBuffer(content.source) ? content.source.length : limitBytes + 1;
      throw new UploadError({ kind: 'too-large', sizeBytes, limitBytes });
    }
    const onPart = (offset: number): void => embedded.appended(task.id, at, offset);
    return await this.#kafka.uploader.upload({ ...job, onPart });
  }

  #uploadStore(at: Pick<ObjectPlace, 'topicId' | 'partition'>): UploadStore | undefined {
    const store = this.#store;
    if (store === undefined) return undefined;
    const place: ObjectPlace = { queue: this.#queue, role: 'parts', ...at };
    return { store, keyOf: (marker, upload) => objectKey(place, marker, upload) };
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
