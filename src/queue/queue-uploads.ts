import { defaultCodecLimits, MAX_CODEC_OVERHEAD_BYTES } from '../codec/codec-limits.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { PayloadStore } from '../codec/payload-store.ts';
import { type ObjectPlace, objectKey } from '../codec/stored-object.ts';
import { EnqueueError } from '../errors/enqueue-error.ts';
import type { ProducerItem } from '../producer/core/item.ts';
import type { UploadStore } from '../producer/upload/stored-upload.ts';
import { UploadError } from '../producer/upload/upload-error.ts';
import { EmbeddedParts } from './embedded-parts.ts';
import type { Content } from './encode-large.ts';
import type { Receipt } from './enqueue-types.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { NamedCall } from './prepare-task.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';
import type { QueueTopics } from './queue-topics.ts';

/** Writes a queue's large content to its parts topic. */
export class QueueUploads {
  readonly #queue: string;
  readonly #timeoutMs: number;
  readonly #kafka: KafkaConnection;
  readonly #topics: QueueTopics;
  /** Where content goes in place of the parts topic. */
  readonly store: PayloadStore | undefined;
  /** Only on the embedded cluster. */
  readonly #embedded: EmbeddedParts | undefined;

  constructor(
    { name, retention, payloadStore }: Pick<ResolvedQueueOptions, 'name' | 'retention' | 'payloadStore'>,
    kafka: KafkaConnection,
    topics: QueueTopics,
  ) {
    this.#queue = name;
    this.#timeoutMs = retention.uploadTimeoutMs;
    this.store = payloadStore;
    this.#kafka = kafka;
    this.#topics = topics;
    const { room } = kafka;
    if (room === undefined) return;
    this.#embedded = new EmbeddedParts((partition, from) =>
      room.finished(this.#queue, topics.partsTopic, partition, from),
    );
  }

  async upload(call: NamedCall, content: Content, signal: AbortSignal): Promise<BodyManifest> {
    const { maxBytes, topicId, ...place } = await this.#topics.partsPlaceFor(
      call.key,
      content.coding === undefined ? 0 : MAX_CODEC_OVERHEAD_BYTES,
    );
    const to = this.#uploadStore({ topicId, partition: place.partition });
    const maxBodyBytes = to === undefined ? Math.min(maxBytes, content.maxBodyBytes) : content.maxBodyBytes;
    const job = { ...place, ...content, to, maxBodyBytes, timeoutMs: this.#timeoutMs, signal };
    const embedded = this.#embedded;
    if (embedded === undefined) return await this.#kafka.uploader.upload(job);
    if (embedded.hasUploaded(call)) {
      // It would wait for room that the first one has until the task is finished.
      const limitBytes = defaultCodecLimits.maxRecordBytes;
      const sizeBytes = Buffer.isBuffer(content.source) ? content.source.length : limitBytes + 1;
      throw new UploadError({ kind: 'too-large', sizeBytes, limitBytes });
    }
    const { partition } = place;
    embedded.begin(call, { queuePartition: this.#topics.partitionFor(call.key), partition });
    const onLanded = (offset: number): void => embedded.landed(call, partition, offset);
    try {
      return await this.#kafka.uploader.upload({ ...job, onLanded });
    } catch (error) {
      embedded.failed(call);
      throw error;
    }
  }

  #uploadStore(at: Pick<ObjectPlace, 'topicId' | 'partition'>): UploadStore | undefined {
    const { store } = this;
    if (store === undefined) return undefined;
    const place: ObjectPlace = { queue: this.#queue, role: 'parts', ...at };
    return { store, keyOf: (marker, upload) => objectKey(place, marker, upload) };
  }

  /** What is to be told of the record of a task whose content may be uploaded. */
  onSettled(call: NamedCall): ProducerItem['onSettled'] {
    const embedded = this.#embedded;
    if (embedded === undefined) return undefined;
    return (fate) => {
      if (fate === 'absent') embedded.failed(call);
      else if (fate === 'unknown') void this.#settleUnknown(embedded, call);
      else embedded.enqueued(call, fate.offset);
    };
  }

  /** Sees what becomes of a task whose content may be uploaded. */
  follow(call: NamedCall, receipt: Promise<Receipt>): void {
    const embedded = this.#embedded;
    // One that may be in the log may need its parts, until its record has settled.
    receipt.catch((error: unknown) => {
      if (!(error instanceof EnqueueError) || error.outcome === 'absent') embedded?.failed(call);
    });
  }

  /** Nobody will say any more whether its record is in the log: it is finished with all that is there now. */
  async #settleUnknown(embedded: EmbeddedParts, call: NamedCall): Promise<void> {
    if (!embedded.hasUploaded(call)) return;
    const place = { topic: this.#queue, partition: this.#topics.partitionFor(call.key) };
    try {
      const [log] = await (await this.#kafka.admin()).logEnds([place]);
      if (log !== undefined) embedded.enqueued(call, log.end - 1);
    } catch {
      // Its parts keep their room: the cluster in this process has ended, or is about to.
    }
  }

  /** A group's worker has finished everything below `frontier` in a partition of the queue. */
  finished(group: string, partition: number, frontier: number): void {
    this.#embedded?.finished(group, partition, frontier);
  }
}
