import type { PartDecoding } from '../codec/coding.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { PartList } from '../codec/part-list.ts';
import type { StoredObject } from '../codec/stored-object.ts';
import { StoredSource } from '../codec/stored-source.ts';
import { StoreMissingError } from '../errors/store-errors.ts';
import type { Control } from './control.ts';
import { readStretch } from './read-stretch.ts';

interface PartsToRead {
  readonly manifest: BodyManifest;
  readonly decoding: PartDecoding | undefined;
}

/**
 * The content of an upload, joined: for payloads, which the caller has found to be small enough.
 *
 * @throws PartsLostError, TopicUnreadableError, KafkaRequestError, StoreMissingError, PayloadStoreError; what the decoding throws; the signal's reason.
 */
export async function readParts(
  control: Control,
  { manifest, decoding }: PartsToRead,
  signal: AbortSignal,
): Promise<Buffer> {
  if (manifest.object !== undefined)
    return await readObject(control, { manifest, decoding }, manifest.object, signal);
  const { parked, parts } = await control.deps.topics();
  const { partition, from, to } = manifest;
  const topic = manifest.at === 'parked' ? parked : parts;
  const list = new PartList(topic.name, manifest, decoding);
  if (partition >= topic.partitions) throw list.lost(`${topic.name} has ${topic.partitions} partitions`);
  const log = await control.logEnds(topic.name, partition);
  if (log.end <= to) throw list.lost(`the log ends at offset ${log.end}`);
  const contents: Buffer[] = [];
  const stretch = { topic: topic.name, partition, from: Math.max(from, log.start), end: to + 1 };
  for await (const record of readStretch(control, stretch, signal)) {
    if (!list.isOurs(record)) continue;
    const part = await list.take(record);
    if (part !== undefined) contents.push(part.content);
    if (list.isComplete) return Buffer.concat(contents);
  }
  const isCut = log.start > from;
  throw list.lost(
    isCut
      ? `the log begins at offset ${log.start}, what was before it was deleted`
      : 'no other copy of it is there',
  );
}

async function readObject(
  { deps: { stores, clock } }: Control,
  { manifest, decoding }: PartsToRead,
  object: StoredObject,
  signal: AbortSignal,
): Promise<Buffer> {
  const store = stores.get(object.store);
  if (store === undefined) throw new StoreMissingError(object.store);
  const source = new StoredSource({
    store,
    object,
    manifest,
    decoding,
    clock,
    onClosed: () => {},
  });
  const stop = (): void => source.fail(signal.reason);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    const contents: Buffer[] = [];
    for (let part = await source.next(); part !== undefined; part = await source.next()) contents.push(part);
    return Buffer.concat(contents);
  } finally {
    signal.removeEventListener('abort', stop);
    source.close();
  }
}
