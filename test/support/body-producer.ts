import { loadLz4 } from '../../src/codec/lz4.ts';
import { DEFAULT_UPLOAD_TIMEOUT_MS as UPLOAD_TIMEOUT_MS } from '../../src/options/retention.ts';
import type { ProducerItem } from '../../src/producer/core/item.ts';
import { partAppends } from '../../src/producer/upload/part-appends.ts';
import { Uploader, type UploadJob } from '../../src/producer/upload/uploader.ts';
import { setUp, task } from './scripted-producer.ts';

export const PARTS = 'q.parts';

/** A producer, and an uploader whose parts go through it. */
export function setUpBodies(more: Parameters<typeof setUp>[0] = {}) {
  const world = setUp(more);
  const { producer, clock, appender } = world;
  let count = 0;
  const newId = (): string => {
    count += 1;
    return `u${count}`;
  };
  const uploader = new Uploader({ append: partAppends(producer), clock, newId, loadLz4 });
  /** A task whose value is its id, once its body is uploaded. */
  const withBody = (
    source: UploadJob['source'],
    given: Partial<ProducerItem> & { readonly partBytes?: number } = {},
  ): ProducerItem => {
    const { partBytes = 10, ...item } = given;
    const plain = task({ timeoutMs: UPLOAD_TIMEOUT_MS, upload: true, ...item });
    return {
      ...plain,
      encode: async (own) => {
        const manifest = await uploader.upload({
          topic: PARTS,
          partition: 0,
          partBytes,
          timeoutMs: UPLOAD_TIMEOUT_MS,
          source,
          compress: 'never',
          signal: own.signal,
        });
        const voidAfterMs = manifest.firstAtMs + manifest.timeoutMs;
        return { ...(await plain.encode(own)), voidAfterMs };
      },
    };
  };
  /** Calls for the parts topic. */
  const partCalls = () => appender.calls.filter(({ batch }) => batch.topic === PARTS);
  const partCount = (): number => appender.log(PARTS, 0).length;
  /** A part's way into a log takes several turns of the event loop: read, added, connected, sent. */
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 5; turn += 1) await clock.advance(0);
  };
  return { ...world, withBody, partCalls, partCount, settle };
}
