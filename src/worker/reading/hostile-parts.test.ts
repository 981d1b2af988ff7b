import fc from 'fast-check';
import { expect, it } from 'vitest';
import { contentOf, drain, PartsRig, uploadOf } from '../../../test/support/parts-rig.ts';
import { partHeaders } from '../../codec/header-names.ts';
import { type BodyManifest, manifestHeader, partCount, readManifest } from '../../codec/manifest.ts';
import type { OutgoingRecord } from '../../kafka/port.ts';

const BYTES = 3_500;
const content = contentOf(7, BYTES);

/** Something that is wrong with the log. */
type Harm =
  | { readonly kind: 'drop' | 'repeat' | 'to the end' | 'tombstone'; readonly at: number }
  | { readonly kind: 'flip'; readonly at: number; readonly byte: number }
  | { readonly kind: 'foreign'; readonly at: number; readonly index: number }
  | {
      readonly kind: 'header';
      readonly at: number;
      readonly name: string;
      readonly value: string | undefined;
    };

const at = fc.nat(5);
const harm: fc.Arbitrary<Harm> = fc.oneof(
  fc.record({ kind: fc.constantFrom('drop', 'repeat', 'to the end', 'tombstone'), at }),
  fc.record({ kind: fc.constant('flip' as const), at, byte: fc.nat(2_000) }),
  fc.record({ kind: fc.constant('foreign' as const), at, index: fc.nat(3) }),
  fc.record({
    kind: fc.constant('header' as const),
    at,
    name: fc.constantFrom(...Object.values(partHeaders)),
    value: fc.constantFrom(
      undefined,
      '0',
      '1',
      '3',
      '1000',
      '-1',
      '1e9',
      '9007199254740993',
      'raw',
      'lz4f',
      'raw+x.aes',
      'x',
    ),
  }),
);

/** Something that is wrong with the manifest. */
const lie: fc.Arbitrary<Partial<BodyManifest>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 12 },
  fc.record({ to: fc.constantFrom(4, 5, 6, 40, 1_000_000, Number.MAX_SAFE_INTEGER) }),
  fc.record({ from: fc.constantFrom(1, 2, 3), to: fc.constantFrom(6, 7, 900) }),
  fc.record({ partition: fc.constantFrom(1, 2, 3, 2 ** 31 - 1) }),
  fc.record({ bytes: fc.constantFrom(1, 999, 3_001, 3_499, 3_501, 4_000, 5_000) }),
  fc.record({ partBytes: fc.constantFrom(1, 500, 999, 1_001, 3_500) }),
  fc.record({ crc: fc.nat(2 ** 32 - 1) }),
  fc.record({ upload: fc.constantFrom('other', 'nobody') }),
);

function harmed(
  records: readonly OutgoingRecord[],
  harms: readonly Harm[],
  foreign: readonly OutgoingRecord[],
) {
  const all = [...records];
  for (const one of harms) {
    const place = Math.min(one.at, all.length - 1);
    const record = all[place];
    if (record === undefined) return all;
    if (one.kind === 'drop') all.splice(place, 1);
    if (one.kind === 'repeat') all.splice(place, 0, record);
    if (one.kind === 'to the end') all.push(...all.splice(place, 1));
    if (one.kind === 'tombstone') all.splice(place, 0, { ...record, value: Buffer.alloc(0) });
    if (one.kind === 'foreign') all.splice(place, 0, ...foreign.slice(one.index, one.index + 1));
    if (one.kind === 'flip') {
      const value = Buffer.from(record.value);
      value[one.byte % value.length] = (value[one.byte % value.length] ?? 0) ^ 0x10;
      all[place] = { ...record, value };
    }
    if (one.kind === 'header') {
      const headers = record.headers.filter(([name]) => name !== one.name);
      if (one.value !== undefined) headers.push([one.name, Buffer.from(one.value)]);
      all[place] = { ...record, headers };
    }
  }
  return all;
}

it('whatever is wrong with parts and manifest, a body is given out as it was or fails, and others are read', async () => {
  let given = 0;
  let failed = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(harm, { maxLength: 3 }), lie, fc.boolean(), async (harms, lies, compress) => {
      const rig = new PartsRig();
      const { records: foreign } = await uploadOf('other', contentOf(9, BYTES));
      const bad = await rig.upload('up', content, {
        compress,
        change: (records) => harmed(records, harms, foreign),
      });
      const changed = { ...bad.manifest, ...lies };
      const whole = { ...changed, count: partCount(changed.bytes, changed.partBytes) };
      const manifest = readManifest(manifestHeader('kl-body-parts', whole)[1]);
      if (manifest === undefined) return; // its record is undecodable
      const good = await rig.upload('good', 5_000);
      const read = drain(rig.feed.open({ manifest, whole: false })).then(
        (bytes) => {
          expect(bytes.equals(content)).toBe(true);
          given += 1;
        },
        (error: unknown) => {
          expect(error).toMatchObject({ code: 'PARTS_LOST' });
          failed += 1;
        },
      );
      const other = rig.read(good);
      await rig.clock.advance(100_000);
      await read;
      expect((await other).equals(good.content)).toBe(true);
      await rig.feed.close();
    }),
    { numRuns: 300 },
  );
  // Of 300, about 90 are given and the rest fail: not all was too easy, nor too hard.
  expect([given > 50, failed > 50]).toEqual([true, true]);
});
