import { describe, expect, it } from 'vitest';
import { contentOf, manifestOf } from '../../../test/support/parts-rig.ts';
import { defaultCodecLimits } from '../../codec/codec-limits.ts';
import { encodeTask, type TaskToEncode } from '../../codec/envelope.ts';
import type { BodyManifest } from '../../codec/manifest.ts';
import type { IncomingRecord } from '../../kafka/port.ts';
import { contentBytes } from './content-bytes.ts';

async function recordOf(task: Partial<TaskToEncode>): Promise<IncomingRecord> {
  const payload = { text: 'x' };
  const { record } = await encodeTask(
    { id: 'i', type: 'video', version: 1, payload, key: 'k', enqueuedAtMs: 1, ...task },
    defaultCodecLimits,
  );
  return { ...record, topic: 'q', partition: 0, offset: 0, timestampMs: 0 };
}

/** Of parts of 1,000 bytes. */
function partsOf(bytes: number): BodyManifest {
  return manifestOf('u', contentOf(1, bytes), { partition: 0, from: 0, to: Math.ceil(bytes / 1_000) });
}

const stream = (): 'stream' => 'stream';
const bytes = (): 'bytes' => 'bytes';

describe('what a start holds beside its record', () => {
  it('is nothing for an ordinary task', async () => {
    expect(contentBytes(await recordOf({}), bytes)).toBe(0);
    expect(contentBytes({ ...(await recordOf({})), headers: [] }, bytes)).toBe(0);
  });

  it('is the copy of a body in its record that its handler gets', async () => {
    const record = await recordOf({ body: { kind: 'inline', bytes: Buffer.alloc(5_000) } });
    expect([contentBytes(record, stream), contentBytes(record, bytes)]).toEqual([5_000, 5_000]);
    expect(contentBytes(record, () => undefined)).toBe(0);
  });

  it('is what is decompressed, not what it came as', async () => {
    const record = await recordOf({ payload: { text: 'x'.repeat(2_000_000) } });
    expect(record.value?.length).toBeLessThan(100_000);
    expect(contentBytes(record, stream)).toBe(2_000_011);
  });

  it('is a window of a stream, and all of a body that handlers get as bytes', async () => {
    const record = await recordOf({ body: { kind: 'parts', manifest: partsOf(50_000) } });
    expect([contentBytes(record, stream), contentBytes(record, bytes)]).toEqual([8_000, 50_000]);
    const small = await recordOf({ body: { kind: 'parts', manifest: partsOf(1_500) } });
    expect(contentBytes(small, stream)).toBe(1_500);
  });

  it('of JSON in parts is the JSON and what is read ahead of it', async () => {
    const record = await recordOf({ payloadParts: partsOf(50_000) });
    expect(contentBytes(record, stream)).toBe(58_000);
  });

  it('counts parts of a body and of a payload that are not here at once only once', async () => {
    const record = await recordOf({
      payloadParts: partsOf(50_000),
      body: { kind: 'parts', manifest: partsOf(60_000) },
    });
    expect([contentBytes(record, stream), contentBytes(record, bytes)]).toEqual([58_000, 110_000]);
  });

  it('is nothing when nothing will be read: a type without bodies, one that is too large, a damaged record', async () => {
    const body = { kind: 'parts', manifest: partsOf(50_000) } as const;
    const record = await recordOf({ body });
    expect(contentBytes(record, () => undefined)).toBe(0);
    const huge = { ...body.manifest, bytes: 17 * 1024 * 1024, partBytes: 1_000_000, count: 18 };
    expect(contentBytes(await recordOf({ body: { ...body, manifest: huge } }), bytes)).toBe(0);
    expect(contentBytes(await recordOf({ payloadParts: huge }), bytes)).toBe(0);
    expect(contentBytes({ ...record, key: null }, bytes)).toBe(0);
  });
});
