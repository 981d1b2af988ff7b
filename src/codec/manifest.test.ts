import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type BodyManifest,
  isVoid,
  manifestHeader,
  partCount,
  partLength,
  readManifest,
} from './manifest.ts';

const manifest: BodyManifest = {
  upload: '01923456-789a-7abc-8def-0123456789ab',
  partition: 3,
  count: 3,
  from: 10,
  to: 14,
  bytes: 2_000_001,
  partBytes: 890_000,
  crc: 0xffff_ffff,
  firstAtMs: 1_790_000_000_000,
  timeoutMs: 1_800_000,
};

function json(changes: Record<string, unknown>): Buffer {
  const { firstAtMs, ...rest } = manifest;
  return Buffer.from(JSON.stringify({ ...rest, firstAt: firstAtMs, ...changes }));
}

test('a manifest is JSON in a header', () => {
  const [name, value] = manifestHeader('kl-body-parts', manifest);
  expect(name).toBe('kl-body-parts');
  expect(value.toString()).toBe(
    '{"upload":"01923456-789a-7abc-8def-0123456789ab","partition":3,"count":3,"from":10,"to":14,' +
      '"bytes":2000001,"partBytes":890000,"crc":4294967295,"firstAt":1790000000000,"timeoutMs":1800000}',
  );
});

test('what is written is what is read', () => {
  const manifests = fc
    .record({
      where: fc.constantFrom(
        {},
        { at: 'parked' as const },
        { object: { store: 's3', key: 'media/parts/id/3/0000000000000042-u' } },
      ),
      upload: fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/),
      partition: fc.nat(),
      from: fc.nat(),
      between: fc.nat(),
      bytes: fc.integer({ min: 1, max: 1024 ** 3 }),
      partBytes: fc.integer({ min: 1_024, max: 1024 ** 2 }),
      crc: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      firstAtMs: fc.nat(8_640_000_000_000_000),
      timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
    })
    .map(({ between, where, ...given }): BodyManifest => {
      const fields = { ...given, ...where };
      const count = partCount(fields.bytes, fields.partBytes);
      return { ...fields, count, to: fields.from + count - 1 + between };
    });
  fc.assert(
    fc.property(manifests, (written) => {
      expect(readManifest(manifestHeader('kl-payload-parts', written)[1])).toEqual(written);
    }),
  );
});

test('the longest manifest there can be is read', () => {
  const longest: BodyManifest = {
    at: 'parked',
    upload: 'u'.repeat(64),
    partition: 2 ** 31 - 1,
    count: 1024 ** 2,
    from: Number.MAX_SAFE_INTEGER - 1024 ** 2,
    to: Number.MAX_SAFE_INTEGER,
    bytes: 1024 ** 3,
    partBytes: 1024,
    crc: 2 ** 32 - 1,
    firstAtMs: 8_640_000_000_000_000,
    timeoutMs: 86_400_000,
  };
  expect(readManifest(manifestHeader('kl-body-parts', longest)[1])).toEqual(longest);
});

test('fields of a later release are no reason to refuse it', () => {
  expect(readManifest(json({ codec: 'zstd' }))).toEqual(manifest);
});

test.each([
  ['nothing', undefined],
  ['no JSON', Buffer.from('{')],
  ['a list', Buffer.from('[]')],
  ['null', Buffer.from('null')],
  ['what is not UTF-8', Buffer.concat([json({}), Buffer.from([0xff])])],
  ['endless JSON', json({ more: 'x'.repeat(1_100) })],
  ['no upload', json({ upload: undefined })],
  ['an upload with a blank', json({ upload: 'a b' })],
  ['an object without a store', json({ at: 'store', object: 'q/parts/a' })],
  ['an object of a store that cannot be', json({ at: 'store', store: 'S3', object: 'q/parts/a' })],
  ['a store without an object', json({ at: 'store', store: 's3' })],
  ['a way out of the store', json({ at: 'store', store: 's3', object: 'q/../../etc/passwd' })],
  ['an endless upload', json({ upload: 'u'.repeat(65) })],
  ['an upload that is a number', json({ upload: 7 })],
  ['a number as text', json({ partition: '3' })],
  ['a negative partition', json({ partition: -1 })],
  ['a broken number', json({ from: 9.5 })],
  ['a number beyond numbers', json({ to: 2 ** 53 })],
  ['no bytes', json({ bytes: 0, count: 0 })],
  ['more than a body may have', json({ bytes: 1024 ** 3 + 1, partBytes: 1024 ** 2, count: 1025, to: 2_000 })],
  ['parts larger than they may be', json({ partBytes: 1024 ** 2 + 1, count: 2 })],
  ['one part too few', json({ count: 2 })],
  ['one part too many', json({ count: 4 })],
  ['a place too small for its parts', json({ to: 11 })],
  ['an end before its start', json({ to: 9 })],
  ['a CRC beyond 32 bits', json({ crc: 2 ** 32 })],
  ['a time beyond dates', json({ firstAt: 8_640_000_000_000_001 })],
  ['a topic that is not known', json({ at: 'elsewhere' })],
  ['no time at all', json({ timeoutMs: 0 })],
  ['more time than parts are kept for', json({ timeoutMs: 86_400_001 })],
])('%s is no manifest', (_what, value) => {
  expect(readManifest(value)).toBeUndefined();
});

test('each part but the last has the same length', () => {
  expect([0, 1, 2].map((index) => partLength(manifest, index))).toEqual([890_000, 890_000, 220_001]);
  const even = { ...manifest, bytes: 1_780_000, count: 2 };
  expect([0, 1].map((index) => partLength(even, index))).toEqual([890_000, 890_000]);
});

test('a manifest that comes after its time is void, one in time is not', () => {
  expect(isVoid(manifest, manifest.firstAtMs + manifest.timeoutMs)).toBe(false);
  expect(isVoid(manifest, manifest.firstAtMs + manifest.timeoutMs + 1)).toBe(true);
});
