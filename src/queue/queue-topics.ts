import { defaultCodecLimits, MAX_BODY_BYTES } from '../codec/codec-limits.ts';
import { PART_OVERHEAD_BYTES } from '../codec/part.ts';
import { partitionOf } from '../codec/partition.ts';
import { EnqueueError, type EnqueueSubject } from '../errors/enqueue-error.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ensureTopics, type TopicFacts } from '../topics/ensure-topics.ts';
import { planTopics, type TopicPlan } from '../topics/topic-plan.ts';
import type { KafkaConnection } from './kafka-connection.ts';
import type { ResolvedQueueOptions } from './queue-options.ts';

/** Where large content goes, and how. */
export interface PartsPlace {
  readonly topic: string;
  readonly topicId: string | undefined;
  readonly partition: number;
  readonly partBytes: number;
  /** Most that one upload may have there. */
  readonly maxBytes: number;
}

/** A queue's topics: where a key lives, and whether the topics are fit for it. Looked at once, by whoever comes first. */
export class QueueTopics {
  readonly #kafka: KafkaConnection;
  readonly #options: ResolvedQueueOptions;
  readonly #plan: TopicPlan;
  readonly #logger: Logger;
  /** As declared; a key's partition never follows what the cluster says. The embedded cluster has its own number. */
  readonly #partitionCount: number;
  #facts: Promise<TopicFacts> | undefined;
  #areFit = false;

  /** @throws OptionsError when the name cannot be a topic's. */
  constructor(options: ResolvedQueueOptions, logger: Logger) {
    const { partitions, replicationFactor, minInsyncReplicas } = options.topic;
    this.#options = options;
    this.#kafka = options.kafka;
    this.#logger = logger;
    this.#plan = planTopics({
      queue: options.name,
      partitions,
      replicationFactor,
      minInsyncReplicas,
      maxRecordBytes: defaultCodecLimits.maxRecordBytes,
      retention: options.retention,
    });
    this.#partitionCount = options.kafka.driver.embedded?.partitionsPerTopic ?? partitions;
  }

  partitionFor(key: string): number {
    return partitionOf(Buffer.from(key), this.#partitionCount);
  }

  get partsTopic(): string {
    return this.#plan.topics.find(({ role }) => role === 'parts')?.name ?? '';
  }

  /** Where large content of a task with this key goes. `codedBytes`: what a codec may add to each part. */
  async partsPlaceFor(key: string, codedBytes: number): Promise<PartsPlace> {
    const { name, id, partitions, maxRecordBytes, maxUploadBytes } = (await this.ensure()).parts;
    const overheadBytes = PART_OVERHEAD_BYTES + codedBytes;
    return {
      topic: name,
      topicId: id,
      partition: this.partitionFor(key) % partitions,
      partBytes: maxRecordBytes - overheadBytes,
      maxBytes: Math.min(MAX_BODY_BYTES, contentBytes(maxUploadBytes, maxRecordBytes, overheadBytes)),
    };
  }

  /** undefined once the topics are known to be fit; until then what a task waits for, in its place. */
  ready(subject: EnqueueSubject): Promise<void> | undefined {
    if (this.#areFit) return undefined;
    return this.ensure().then(
      () => {},
      (error: unknown) => {
        if (!(error instanceof KafkaRequestError)) throw error;
        const reason = `was not sent, the queue's topics could not be looked at: ${error.message}`;
        throw new EnqueueError({ code: error.code, outcome: 'absent', reason, cause: error }, subject);
      },
    );
  }

  /** @throws TopicsRefusedError, KafkaRequestError; whoever asks next has them looked at again. */
  ensure(): Promise<TopicFacts> {
    this.#facts ??= this.#look().then(
      (facts) => {
        this.#areFit = true;
        return facts;
      },
      (error: unknown) => {
        this.#facts = undefined;
        throw error;
      },
    );
    return this.#facts;
  }

  async #look(): Promise<TopicFacts> {
    const facts = await ensureTopics({
      admin: await this.#kafka.admin(),
      plan: this.#plan,
      onMissing: this.#options.topic.onMissing,
      embedded: this.#kafka.driver.embedded,
      onWarning: (problem) =>
        this.#logger.warn(`${problem.topic}: ${problem.what}. ${problem.cure}`, { code: problem.code }),
    });
    // The journal of the embedded cluster is small and read early: it takes no part in the limit on unfinished tasks.
    for (let partition = 0; partition < facts.state.partitions; partition += 1) {
      this.#kafka.room?.finished(this.#options.name, facts.state.name, partition, Number.POSITIVE_INFINITY);
    }
    return facts;
  }
}

/** The content of so many bytes of parts. */
function contentBytes(uploadBytes: number, recordBytes: number, overheadBytes: number): number {
  if (uploadBytes === Number.POSITIVE_INFINITY) return uploadBytes;
  return uploadBytes - Math.ceil(uploadBytes / recordBytes) * overheadBytes;
}
