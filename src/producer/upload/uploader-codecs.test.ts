import { describe, expect, it } from 'vitest';
import { bytes, setUpUploads, upload, uploadFailureOf } from '../../../test/support/upload-rig.ts';
import type { PartEncoding } from '../../codec/coding.ts';

/** A codec whose promise never settles. */
const silent: PartEncoding = { name: 'silent', encode: () => new Promise(() => {}) };

describe('a codec that does not answer', () => {
  it('keeps no other upload waiting for long, of its partition or of another', async () => {
    const { uploader, parts, clock } = setUpUploads({ limits: { maxUploads: 1, slowPartMs: 1_000 } });
    parts.ackEverything();
    void uploader.upload(upload(bytes(10), { coding: silent }));
    const others = [0, 1].map((partition) => uploader.upload(upload(bytes(10), { partition })));
    await clock.advance(999);
    expect(parts.records).toEqual([]);
    await clock.advance(1);
    expect((await Promise.all(others)).map(({ count }) => count)).toEqual([1, 1]);
  });

  it('is not waited for when the caller gives up', async () => {
    const { uploader, parts, settle } = setUpUploads({ limits: { maxUploads: 1, slowPartMs: 1_000_000 } });
    parts.ackEverything();
    const caller = new AbortController();
    const failure = uploadFailureOf(
      uploader.upload(upload(bytes(10), { coding: silent, signal: caller.signal })),
    );
    const other = uploader.upload(upload(bytes(10)));
    await settle();
    caller.abort('enough');
    expect(await failure).toEqual({ kind: 'aborted', reason: 'enough' });
    expect((await other).count).toBe(1);
  });
});
