import type { PartDecoding } from '../codec/coding.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import { PartList } from '../codec/part-list.ts';
import type { Control } from './control.ts';
import { readStretch } from './read-stretch.ts';

/**
 * The content of an upload, joined: for payloads, which the caller has found to be small enough.
 *
 * @throws PartsLostError, TopicUnreadableError, KafkaRequestError; what the decoding throws; the signal's reason.
 */
export async function readParts(
  control: Control,
  { manifest, decoding }: { readonly manifest: BodyManifest; readonly decoding: PartDecoding | undefined },
  signal: AbortSignal,
): Promise<Buffer> {
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
