import { expect, it } from 'vitest';
import { bytes, FedSource, setUpUploads, upload } from '../../../test/support/upload-rig.ts';
import { untilAborted } from '../../clock/until-aborted.ts';
import type { PayloadStore } from '../../codec/payload-store.ts';

/** Takes the first part, and no more of it. */
const stuck: PayloadStore = {
  name: 'stuck',
  put: async (_key, content, { signal }) => {
    for await (const _part of content) await untilAborted(new Promise(() => {}), signal);
  },
  get: () => {
    throw new Error('nobody reads it');
  },
  copy: () => Promise.reject(new Error('nobody copies it')),
  delete: () => Promise.resolve(),
  listBelow: () => Promise.resolve([]),
};

it('an upload into an object holds the part that is being written and the next one', async () => {
  const { uploader, parts, settle } = setUpUploads();
  parts.ackEverything();
  const source = new FedSource();
  source.feed(...Array.from({ length: 10 }, () => bytes(10)));
  const giving = new AbortController();
  const to = { store: stuck, keyOf: () => 'q/1' };
  const failed = uploader.upload(upload(source, { to, signal: giving.signal })).catch(() => {});
  for (let n = 0; n < 5; n += 1) await settle();
  expect(source.askedCount).toBe(2);
  giving.abort(new Error('enough'));
  await failed;
});
