import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { type BodyManifest, manifestHeader } from './manifest.ts';
import {
  encodeParkedCopy,
  encodeParkedEnd,
  PARKED_COPY_BYTES,
  type ParkedCopyInfo,
  readParkedCopy,
} from './parked-copy.ts';
import { readPartHead } from './part.ts';
import { partsHeaders, withPartsHeaders } from './parts-headers.ts';

const count = fc.nat(2 ** 31);
const bytes = fc.uint8Array({ maxLength: 20, size: 'max' }).map((array) => Buffer.from(array));
const headerName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 10 }),
  fc.constantFrom('kl-type', 'kl-park-group', 'kl-park-offset', 'kl-park-tombstone', 'kl-park-later'),
);
const record: fc.Arbitrary<IncomingRecord> = fc.record({
  topic: fc.constant('q'),
  partition: count,
  offset: count,
  timestampMs: count,
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(headerName, bytes), { maxLength: 6 }),
});
const info = fc.record({
  group: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50, size: 'max' }),
  mark: count,
  epoch: count,
  atMs: count,
  previous: fc.oneof(fc.constant(-1), count),
  lost: fc.constantFrom([], ['one'], ['one', 'two']),
  cause: fc.option(
    fc.record({ reason: fc.constantFrom('gave-up', 'asked'), attempts: count, error: fc.string() }),
    { nil: undefined },
  ),
});

function toLog(original: IncomingRecord, about: ParkedCopyInfo): IncomingRecord {
  const copy = encodeParkedCopy(original, about);
  return { topic: 'q.parked', partition: 3, offset: 17, timestampMs: 99, ...copy };
}

it('gives the original back byte for byte, and what was said beside it', () => {
  fc.assert(
    fc.property(record, info, (original, given) => {
      const about = { ...given, partition: original.partition, offset: original.offset };
      const { cause, ...rest } = about;
      expect(readParkedCopy(toLog(original, about))).toEqual({
        ...rest,
        reason: cause?.reason,
        attempts: cause?.attempts ?? 0,
        error: cause?.error,
        record: { ...original, timestampMs: 99 },
      });
    }),
  );
});

const longest: ParkedCopyInfo = {
  group: 'g'.repeat(249),
  partition: Number.MAX_SAFE_INTEGER,
  offset: Number.MAX_SAFE_INTEGER,
  mark: Number.MAX_SAFE_INTEGER,
  epoch: Number.MAX_SAFE_INTEGER,
  atMs: Number.MAX_SAFE_INTEGER,
  previous: Number.MAX_SAFE_INTEGER,
  lost: ['u'.repeat(64), 'v'.repeat(64)],
  cause: { reason: 'crash-loop', attempts: Number.MAX_SAFE_INTEGER, error: 'größer'.repeat(1_000) },
};
const plain: IncomingRecord = {
  topic: 'q',
  partition: 0,
  offset: 5,
  timestampMs: 0,
  key: Buffer.from('k'),
  value: null,
  headers: [],
};

/** What a record takes more than another one, at most. */
function growth(from: Pick<IncomingRecord, 'headers'>, to: Pick<IncomingRecord, 'headers'>): number {
  const sizeOf = (headers: readonly RecordHeader[]): number =>
    headers.reduce((sum, [name, value]) => sum + name.length + value.length + 10, 0);
  return sizeOf(to.headers) - sizeOf(from.headers);
}

const shortManifest = { upload: 'u', partition: 0, count: 1, from: 0, to: 0, bytes: 1, partBytes: 1, crc: 0 };
const inParts = {
  ...plain,
  headers: (['kl-payload-parts', 'kl-body-parts'] as const).map((name) =>
    manifestHeader(name, { ...shortManifest, firstAtMs: 0, timeoutMs: 1 }),
  ),
};

it('adds a bounded number of bytes where parts were copied, too', () => {
  const farAway = { at: 'parked', partition: 2 ** 31 - 1, from: 2 ** 53 - 1, to: 2 ** 53 - 1 } as const;
  const moved = withPartsHeaders(
    { ...inParts, timestampMs: 8_640_000_000_000_000 },
    partsHeaders(inParts).map((header) => ({ ...header, manifest: { ...header.manifest, ...farAway } })),
  );
  const copy = encodeParkedCopy(moved, { ...longest, lost: [] });
  expect(growth(inParts, copy)).toBeLessThan(PARKED_COPY_BYTES);
});

it('adds a bounded number of bytes, and cuts no character of an error in two', () => {
  expect(growth(plain, encodeParkedCopy(plain, longest))).toBeLessThan(PARKED_COPY_BYTES);
  expect(growth(inParts, encodeParkedCopy(inParts, longest))).toBeLessThan(PARKED_COPY_BYTES);
  const error = readParkedCopy(toLog(plain, longest))?.error ?? '';
  expect(Buffer.byteLength(error)).toBeGreaterThan(1_020);
  expect(longest.cause?.error.startsWith(error)).toBe(true);
});

it('is parked as itself when it is a copy already', () => {
  const first = toLog(plain, { ...longest, mark: 1 });
  const second = readParkedCopy(toLog({ ...first, topic: 'q' }, { ...longest, mark: 2 }));
  expect(second?.mark).toBe(2);
  expect(second?.record.headers).toEqual(first.headers);
});

const short: RecordHeader[] = [['kl-park-group', Buffer.from('g')]];

it.each<[string, RecordHeader[]]>([
  ['no headers of ours', []],
  ['half of them', short],
  [
    'a number that is none',
    encodeParkedCopy(plain, longest).headers.map(
      ([name, value]): RecordHeader => (name === 'kl-park-mark' ? [name, Buffer.from('1e3')] : [name, value]),
    ),
  ],
])('is nothing of ours with %s', (_what, headers) => {
  expect(readParkedCopy({ ...plain, headers })).toBeUndefined();
});

it.each(['kl-body-parts', 'kl-payload-parts'])('keeps the time of a record with %s, and no other', (name) => {
  const original = { ...plain, timestampMs: 55, headers: [[name, Buffer.from('{}')] as const] };
  const { headers } = original;
  expect(readParkedCopy(toLog(original, longest))?.record).toMatchObject({ timestampMs: 55, headers });
  const without = { ...original, headers: [] };
  expect(readParkedCopy(toLog(without, longest))?.record.timestampMs).toBe(99);
});

it('has no reason that this version does not know', () => {
  const log = toLog(plain, longest);
  const headers = log.headers.map(
    ([name, value]): RecordHeader =>
      name === 'kl-park-reason' ? [name, Buffer.from('later')] : [name, value],
  );
  expect(readParkedCopy({ ...log, headers })?.reason).toBeUndefined();
});

/** Vectors for implementations in any language; docs/wire-format.md describes them. Bytes in hex. */
interface HexRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly (readonly [string, string])[];
}

interface CopyVector {
  readonly name: string;
  readonly original: HexRecord & {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
  };
  readonly info: ParkedCopyInfo;
  /** What the copy's manifests say otherwise: its parts were copied before. */
  readonly parts?: Partial<BodyManifest>;
  readonly record: HexRecord;
}

interface EndVector {
  readonly name: string;
  readonly info: Parameters<typeof encodeParkedEnd>[0];
  readonly record: HexRecord;
}

function vectors<V>(file: string): V[] {
  const url = new URL(`../../test/golden/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8')) as V[]; // checked in, and of this shape
}

function bytesOf(record: HexRecord): Pick<IncomingRecord, 'key' | 'value' | 'headers'> {
  return {
    key: record.key === null ? null : Buffer.from(record.key, 'hex'),
    value: record.value === null ? null : Buffer.from(record.value, 'hex'),
    headers: record.headers.map(([name, value]) => [name, Buffer.from(value, 'hex')]),
  };
}

it.each(vectors<CopyVector>('parked-copies.json'))(
  'is written and read as it always was: $name',
  ({ original, info: about, parts, record: written }) => {
    const { topic, partition, offset } = original;
    const given = { topic, partition, offset, timestampMs: 99, ...bytesOf(original) };
    const moved = partsHeaders(given).map((header) => ({
      ...header,
      manifest: { ...header.manifest, ...parts },
    }));
    const incoming = withPartsHeaders(given, moved);
    expect(encodeParkedCopy(incoming, about)).toEqual(bytesOf(written));
    const log = { topic: 'recordings.parked', partition: 7, offset: 3, timestampMs: 99, ...bytesOf(written) };
    expect(readParkedCopy(log)).toMatchObject({
      mark: about.mark,
      previous: about.previous,
      lost: about.lost ?? [],
      record: incoming,
    });
  },
);

it.each(vectors<EndVector>('parked-ends.json'))(
  'an end is written as it always was, and is nothing to readers: $name',
  ({ info: about, record: written }) => {
    expect(encodeParkedEnd(about)).toEqual(bytesOf(written));
    const log = { topic: 'recordings.parked', partition: 7, offset: 3, timestampMs: 99, ...bytesOf(written) };
    expect(readParkedCopy(log)).toBeUndefined();
    expect(readPartHead(log)).toBeUndefined();
  },
);
