import { ManualClock } from '../../src/clock/manual-clock.ts';
import { crc32c } from '../../src/codec/crc32c.ts';
import { loadLz4 } from '../../src/codec/lz4.ts';
import { type BodyManifest, partCount } from '../../src/codec/manifest.ts';
import { encodePart } from '../../src/codec/part.ts';
import type { PayloadStore } from '../../src/codec/payload-store.ts';
import { MemoryCluster } from '../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { OutgoingRecord, Reader } from '../../src/kafka/port.ts';
import type { Claimant, WindowMemory } from '../../src/worker/reading/part-reserve.ts';
import type { PartSource } from '../../src/worker/reading/part-source.ts';
import { PartsFeed } from '../../src/worker/reading/parts-feed.ts';

const PART_BYTES = 1_000;

/** Bytes that differ from part to part, and from those of another seed. */
export function contentOf(seed: number, bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes }, (_, at) => (seed * 31 + at + (at >> 8) * 7) & 0xff));
}

export interface Upload {
  readonly content: Buffer;
  readonly manifest: BodyManifest;
  readonly records: readonly OutgoingRecord[];
}

/** An upload as its records, wherever they will be. */
export async function uploadOf(
  upload: string,
  content: Buffer,
  { partBytes = PART_BYTES, compress = false } = {},
): Promise<Omit<Upload, 'manifest'>> {
  const records: OutgoingRecord[] = [];
  for (let index = 0; index < partCount(content.length, partBytes); index += 1) {
    const part = content.subarray(index * partBytes, (index + 1) * partBytes);
    const frame = compress
      ? await (await loadLz4()).compressFrame(part, { contentChecksum: true })
      : undefined;
    records.push(encodePart({ upload, index, content: part, crc: crc32c(part), frame }));
  }
  return { content, records };
}

/** What the record of the task would say. */
export function manifestOf(
  upload: string,
  content: Buffer,
  where: {
    readonly partition: number;
    readonly from: number;
    readonly to: number;
    readonly partBytes?: number;
  },
): BodyManifest {
  const { partition, from, to, partBytes = PART_BYTES } = where;
  return {
    upload,
    partition,
    count: partCount(content.length, partBytes),
    from,
    to,
    bytes: content.length,
    partBytes,
    crc: crc32c(content),
    firstAtMs: 1_000,
    timeoutMs: 60_000,
  };
}

export function openSilentReader(): Promise<Reader> {
  const silent = {
    assign: async () => {},
    pause: async () => {},
    resume: async () => {},
    poll: async () => [],
    onReadable: () => {},
    onProblem: () => {},
    close: async () => {},
  };
  return Promise.resolve(silent as unknown as Reader); // the rest is not called
}

/** So much of it, or one window that is larger. */
class FixedMemory implements WindowMemory {
  readonly #limitBytes: number;
  #usedBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  take({ windowBytes }: Claimant): boolean {
    if (this.#usedBytes > 0 && this.#usedBytes + windowBytes > this.#limitBytes) return false;
    this.#usedBytes += windowBytes;
    return true;
  }

  withdraw(): void {}

  giveBack({ windowBytes }: Claimant): void {
    this.#usedBytes -= windowBytes;
  }
}

/** A topic of parts, and a feed on it. */
export class PartsRig {
  readonly cluster = new MemoryCluster();
  readonly clock = new ManualClock();
  readonly feed: PartsFeed;
  readonly memory: FixedMemory;
  readonly stores = new Map<string, PayloadStore>();
  /** What was asked of readers, in order: `assign 0@5`, `pause 1`. */
  readonly calls: string[] = [];
  /** Records that were read of each partition. */
  readonly readCounts = new Map<number, number>();
  openCount = 0;
  openReader: () => Promise<Reader> = () =>
    memoryDriver(this.cluster).reader({ name: 'r', prefetchBytes: 1 });

  constructor(reserveBytes = 1_000_000) {
    this.memory = new FixedMemory(reserveBytes);
    this.cluster.createTopic('q.parts', { partitions: 3 });
    this.cluster.createTopic('q.parked', { partitions: 3 });
    this.feed = new PartsFeed({
      topics: { parts: { name: 'q.parts', partitions: 3 }, parked: { name: 'q.parked', partitions: 3 } },
      openReader: async () => {
        this.openCount += 1;
        return this.#watched(await this.openReader());
      },
      logEnds: async (place) => {
        const ends = this.cluster.log(place)?.ends;
        if (ends === undefined) throw new Error('no such partition');
        return ends;
      },
      clock: this.clock,
      stores: this.stores,
      memory: this.memory,
    });
  }

  #watched(reader: Reader): Reader {
    const assign = reader.assign.bind(reader);
    const pause = reader.pause.bind(reader);
    const resume = reader.resume.bind(reader);
    const poll = reader.poll.bind(reader);
    const note = (what: string, places: readonly { partition: number; offset?: number }[]): void => {
      for (const { partition, offset } of places)
        this.calls.push(`${what} ${partition}${offset === undefined ? '' : `@${offset}`}`);
    };
    reader.assign = (places) => {
      note('assign', places);
      return assign(places);
    };
    reader.pause = (places) => {
      note('pause', places);
      return pause(places);
    };
    reader.resume = (places) => {
      note('resume', places);
      return resume(places);
    };
    reader.poll = async (count) => {
      const records = await poll(count);
      for (const { partition } of records)
        this.readCounts.set(partition, (this.readCounts.get(partition) ?? 0) + 1);
      return records;
    };
    return reader;
  }

  /** Appends records as they are; the offset of the first. */
  append(records: readonly OutgoingRecord[], partition = 0): number {
    const place = { topic: 'q.parts', partition };
    const from = this.cluster.log(place)?.ends.end ?? 0;
    this.cluster.write(place, records);
    return from;
  }

  /** Appends an upload of this content, or of so many bytes; `change` is done to its records first. */
  async upload(
    name: string,
    what: number | Buffer,
    {
      partition = 0,
      compress = false,
      change = (records: readonly OutgoingRecord[]): readonly OutgoingRecord[] => records,
    } = {},
  ): Promise<Upload> {
    const given = typeof what === 'number' ? contentOf(name.charCodeAt(0), what) : what;
    const { content, records } = await uploadOf(name, given, { compress });
    const changed = change(records);
    const from = this.append(changed, partition);
    const to = from + changed.length - 1;
    return { content, records: changed, manifest: manifestOf(name, content, { partition, from, to }) };
  }

  open({ manifest }: Upload, whole = false): PartSource {
    return this.feed.open({ manifest, whole });
  }

  /** All that a source gives, to its end. */
  async read(upload: Upload): Promise<Buffer> {
    return drain(this.open(upload));
  }
}

export async function drain(source: PartSource): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (;;) {
    const part = await source.next();
    if (part === undefined) return Buffer.concat(parts);
    parts.push(part);
  }
}

/** What it gave before it failed, and how it failed. */
export async function untilFailure(source: PartSource): Promise<{ given: number; error: unknown }> {
  let given = 0;
  for (;;) {
    try {
      const part = await source.next();
      if (part === undefined) return { given, error: undefined };
      given += part.length;
    } catch (error) {
      return { given, error };
    }
  }
}
