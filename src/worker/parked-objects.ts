import { untilAborted } from '../clock/until-aborted.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import { markerOf, objectKey, objectMarker, type StoredObject } from '../codec/stored-object.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import { isStoreError, PayloadStoreError, StoreMissingError } from '../errors/store-errors.ts';
import type { LogEnds, TopicDescription, TopicPartition } from '../kafka/port.ts';
import type { AppendParked } from './parking-io.ts';

interface ParkedObjectsDeps {
  readonly stores: StoreSet;
  readonly append: AppendParked;
  readonly queue: string;
  /** Where markers are. */
  readonly topics: Readonly<Record<'parts' | 'parked', { readonly name: string }>>;
  /** A topic as it is now; undefined: there is none. */
  readonly describe: (name: string) => Promise<TopicDescription | undefined>;
  readonly logEnds: (place: TopicPartition) => Promise<LogEnds>;
}

/**
 * Copies objects of tasks that are parked, inside their store: the copy has its marker in the parked topic, behind the place
 * from which its mark needs that topic, and is kept as long as the task's own copy.
 */
export class ParkedObjects {
  readonly #deps: ParkedObjectsDeps;

  constructor(deps: ParkedObjectsDeps) {
    this.#deps = deps;
  }

  /** Where the parts are then. Rejects when it is to be done again; with a PartsLostError when the object is gone. */
  async copy(
    manifest: BodyManifest,
    object: StoredObject,
    where: {
      readonly partition: number;
      readonly lane: string;
      readonly id: string;
      /** Nobody waits for it any more. */
      readonly signal: AbortSignal;
    },
  ): Promise<BodyManifest> {
    const { stores, append, queue, topics, describe } = this.#deps;
    const { upload } = manifest;
    const store = stores.get(object.store);
    if (store === undefined) throw new StoreMissingError(object.store);
    const { partition, lane, id, signal } = where;
    // As it is now: objects under an older one are nobody's to delete.
    const topicId = (await describe(topics.parked.name))?.id;
    const { offset } = await append({ partition, lane, id, record: objectMarker(upload) });
    const key = objectKey({ queue, role: 'parked', topicId, partition }, offset, upload);
    try {
      // What comes to be in spite of that has its marker, and goes with it.
      await untilAborted(store.copy(object.key, key, { signal }), signal);
    } catch (error) {
      if (!isStoreError(error, 'missing')) throw error;
      const marker = await this.#markerInLog(object.key);
      throw marker === undefined ? lost(manifest, object) : outOfReach(object, marker, error);
    }
    return { ...manifest, partition, object: { ...object, key } };
  }

  /** While an object's marker is in the log nothing of ours has deleted it: whoever says that it is not there looks elsewhere. */
  async #markerInLog(key: string): Promise<TopicPartition | undefined> {
    const { queue, topics, describe, logEnds } = this.#deps;
    const marker = markerOf(key);
    if (marker === undefined || marker.queue !== queue) return undefined;
    const { name } = topics[marker.role];
    // It may have been made anew since the worker began, and the object after that.
    const topic = await describe(name);
    if (topic === undefined || !marker.isOf(topic.id) || marker.partition >= topic.partitions.length)
      return undefined;
    const place = { topic: name, partition: marker.partition };
    const { start, end } = await logEnds(place);
    return marker.offset >= start && marker.offset < end ? place : undefined;
  }
}

function outOfReach(
  { store, key }: StoredObject,
  { topic, partition }: TopicPartition,
  cause: unknown,
): PayloadStoreError {
  const why = new Error(
    `its marker is still in ${topic}/${partition}, so keylane has not deleted it. See whether the store is the one that it ` +
      'was written to: bucket, prefix, folder. If it is gone for good, discard the task: queue.parked.discard()',
    { cause },
  );
  return new PayloadStoreError({ store, key, reason: 'unreachable' }, 'copy', why);
}

function lost(manifest: BodyManifest, object: StoredObject): PartsLostError {
  const { partition, upload, from, to, count } = manifest;
  const topic = `${object.store}:${object.key}`;
  const place = { topic, partition, upload, from, to, part: 0, parts: count, object };
  return new PartsLostError(place, 'the object is not there');
}
