import { untilAborted } from '../clock/until-aborted.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import { objectKey, objectMarker, type StoredObject } from '../codec/stored-object.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import { isStoreError, StoreMissingError } from '../errors/store-errors.ts';
import type { AppendParked } from './parking-io.ts';

interface ParkedObjectsDeps {
  readonly stores: StoreSet;
  readonly append: AppendParked;
  readonly queue: string;
  /** Of the parked topic. */
  readonly topicId: string | undefined;
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
    const { stores, append, queue, topicId } = this.#deps;
    const { upload } = manifest;
    const store = stores.get(object.store);
    if (store === undefined) throw new StoreMissingError(object.store);
    const { partition, lane, id, signal } = where;
    const { offset } = await append({ partition, lane, id, record: objectMarker(upload) });
    const key = objectKey({ queue, role: 'parked', topicId, partition }, offset, upload);
    try {
      // What comes to be in spite of that has its marker, and goes with it.
      await untilAborted(store.copy(object.key, key, { signal }), signal);
    } catch (error) {
      if (isStoreError(error, 'missing')) throw lost(manifest, object);
      throw error;
    }
    return { ...manifest, partition, object: { ...object, key } };
  }
}

function lost(manifest: BodyManifest, object: StoredObject): PartsLostError {
  const { partition, upload, from, to, count } = manifest;
  const topic = `${object.store}:${object.key}`;
  const place = { topic, partition, upload, from, to, part: 0, parts: count, object };
  return new PartsLostError(place, 'the object is not there');
}
