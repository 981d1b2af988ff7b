import { expect, it } from 'vitest';
import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { type BodyManifest, manifestHeader } from './manifest.ts';
import { partsHeaders, withPartsHeaders } from './parts-headers.ts';

const manifest: BodyManifest = {
  upload: 'a',
  partition: 3,
  count: 1,
  from: 10,
  to: 10,
  bytes: 100,
  partBytes: 100,
  crc: 7,
  firstAtMs: 1_000,
  timeoutMs: 1_000,
};
const payload = manifestHeader('kl-payload-parts', manifest);
const body = manifestHeader('kl-body-parts', { ...manifest, upload: 'b' });
const other: RecordHeader = ['kl-codec', Buffer.from('of a later release')];

function recordOf(...headers: RecordHeader[]): IncomingRecord {
  const value = Buffer.from('{}');
  return { topic: 'q', partition: 0, offset: 5, timestampMs: 0, key: Buffer.from('k'), value, headers };
}

it('names what a record says of parts, whatever its codec', () => {
  expect(partsHeaders(recordOf(other, body, payload))).toEqual([
    { index: 2, name: 'kl-payload-parts', manifest },
    { index: 1, name: 'kl-body-parts', manifest: { ...manifest, upload: 'b' } },
  ]);
  expect(partsHeaders(recordOf(other))).toEqual([]);
});

it('knows nothing of what is there twice, or is no manifest', () => {
  expect(partsHeaders(recordOf(body, other, body))).toEqual([]);
  expect(partsHeaders(recordOf(['kl-body-parts', Buffer.from('{}')]))).toEqual([]);
});

it('changes nothing of a record but these headers', () => {
  const record = recordOf(other, body, payload, ['mine', Buffer.from('1')]);
  const [first] = partsHeaders(record);
  if (first === undefined) throw new Error('it has parts');
  const moved: BodyManifest = { ...manifest, at: 'parked', from: 700, to: 700 };
  const changed = withPartsHeaders(record, [{ ...first, manifest: moved }]);
  const { headers } = record;
  expect(changed).toEqual({
    ...record,
    headers: [headers[0], headers[1], manifestHeader('kl-payload-parts', moved), headers[3]],
  });
  expect(withPartsHeaders(record, [])).toBe(record);
});
