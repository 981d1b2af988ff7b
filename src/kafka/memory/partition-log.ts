import type { LogEnds } from '../admin.ts';
import type { IncomingRecord, OutgoingRecord, RecordHeader, TopicPartition } from '../port.ts';
import { LeaderEpochs } from './leader-epochs.ts';

/** The log of one partition: appended to at its end, cut off at its start. */
export class PartitionLog {
  readonly #partition: TopicPartition;
  readonly #records: IncomingRecord[] = [];
  readonly leaders = new LeaderEpochs();
  #start = 0;

  constructor(partition: TopicPartition) {
    this.#partition = partition;
  }

  get ends(): LogEnds {
    return { ...this.#partition, start: this.#start, end: this.#start + this.#records.length };
  }

  /** Returns the record's offset. Copies, as a network would: the caller may use its buffers again. */
  append(record: OutgoingRecord, timestampMs: number): number {
    const offset = this.ends.end;
    const leaderEpoch = this.leaders.present;
    this.#records.push(copyOf({ ...record, ...this.#partition, offset, timestampMs, leaderEpoch }));
    return offset;
  }

  /** Copies of at most `maxRecords` records from `offset` on. */
  read(offset: number, maxRecords: number): readonly IncomingRecord[] {
    const from = offset - this.#start;
    return this.#records.slice(from, from + maxRecords).map(copyOf);
  }

  /** The first offset whose record is not older; undefined when there is none. */
  offsetForTime(timestampMs: number): number | undefined {
    return this.#records.find((record) => record.timestampMs >= timestampMs)?.offset;
  }

  get bytes(): number {
    return this.#records.reduce((sum, record) => sum + sizeOf(record), 0);
  }

  /** Moves the log start to `offset`, or to the end when that is lower. Never moves it back. */
  deleteBefore(offset: number): void {
    const start = Math.min(Math.max(offset, this.#start), this.ends.end);
    this.#records.splice(0, start - this.#start);
    this.#start = start;
    this.leaders.startAt(start);
  }

  /** Another leader is elected. It has no more than what is below `end`. */
  elect(end: number): void {
    this.#records.splice(Math.max(0, end - this.#start));
    this.leaders.elect(this.ends.end);
  }
}

/** As Kafka counts it, but for a few bytes of framing. */
export function sizeOf({ key, value, headers }: Pick<IncomingRecord, 'key' | 'value' | 'headers'>): number {
  const headerBytes = headers.reduce((sum, [name, bytes]) => sum + Buffer.byteLength(name) + bytes.length, 0);
  return (key?.length ?? 0) + (value?.length ?? 0) + headerBytes;
}

function copyOf(record: IncomingRecord): IncomingRecord {
  return {
    ...record,
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: record.headers.map(([name, value]): RecordHeader => [name, Buffer.from(value)]),
  };
}
