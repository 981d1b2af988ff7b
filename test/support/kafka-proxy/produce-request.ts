import { WireReader, WireWriter } from '../kafka/wire.ts';
import { API, isFlexible } from './api.ts';

/** One partition's record batch in a Produce request. */
export interface ProducedBatch {
  readonly topic: string;
  readonly partition: number;
  /** Kafka: the producer id; -1 without idempotence. */
  readonly producerId: bigint;
  /** The sequence number of the batch's first record in this partition; 0 is the first of a fresh producer. */
  readonly baseSequence: number;
  readonly recordCount: number;
}

/** Offsets within a record batch of format 2. */
const PRODUCER_ID_AT = 43;
const BASE_SEQUENCE_AT = 53;
const RECORD_COUNT_AT = 57;

/** The batches of a Produce request (versions 3 to 9), given its body. */
export function readProduceRequest(body: Buffer, apiVersion: number): ProducedBatch[] {
  const compact = isFlexible(API.produce, apiVersion);
  const reader = new WireReader(body);
  reader.string(compact);
  reader.int16();
  reader.int32();
  const topics = reader.array(compact, () => {
    const topic = reader.string(compact) ?? '';
    const batches = reader.array(compact, () => {
      const partition = reader.int32();
      const records = reader.raw(Math.max(0, reader.arrayLength(compact)));
      reader.tags(compact);
      return { topic, partition, ...readBatchHead(records) };
    });
    reader.tags(compact);
    return batches;
  });
  return topics.flat();
}

function readBatchHead(records: Buffer): Pick<ProducedBatch, 'producerId' | 'baseSequence' | 'recordCount'> {
  return {
    producerId: records.readBigInt64BE(PRODUCER_ID_AT),
    baseSequence: records.readInt32BE(BASE_SEQUENCE_AT),
    recordCount: records.readInt32BE(RECORD_COUNT_AT),
  };
}

/** The body of a response that refuses every one of these batches. */
export function refusedProduceResponse(
  batches: readonly ProducedBatch[],
  apiVersion: number,
  errorCode: number,
): Buffer {
  const compact = isFlexible(API.produce, apiVersion);
  const writer = new WireWriter();
  writer.array(compact, [...new Set(batches.map((batch) => batch.topic))], (topic) => {
    writer.string(compact, topic);
    const own = batches.filter((batch) => batch.topic === topic);
    writer.array(compact, own, ({ partition }) => {
      writer.int32(partition).int16(errorCode).raw(NO_OFFSET).raw(NO_OFFSET);
      if (apiVersion >= 5) writer.raw(NO_OFFSET);
      if (apiVersion >= 8) writer.arrayLength(compact, 0).string(compact, null);
      writer.noTags(compact);
    });
    writer.noTags(compact);
  });
  return writer.int32(0).noTags(compact).bytes();
}

/** -1 as a 64-bit integer: no base offset, no append time, no log start. */
const NO_OFFSET = Buffer.alloc(8, 0xff);
