import type { Clock } from '../clock/clock.ts';
import { linkSignals } from '../clock/linked-signal.ts';
import { untilAborted } from '../clock/until-aborted.ts';
import type { BodyManifest } from '../codec/manifest.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import { markerOf, objectKey, objectMarker, type StoredObject } from '../codec/stored-object.ts';
import { PartsLostError } from '../errors/body-errors.ts';
import { isStoreError, PayloadStoreError, StoreMissingError } from '../errors/store-errors.ts';
import type { LogEnds, TopicDescription } from '../kafka/admin.ts';
import type { TopicPartition } from '../kafka/port.ts';
import { type CopyPlace, CopyPlaces } from './copy-places.ts';
import type { AppendParked } from './parking-io.ts';

/**
 * A store that brings nothing of a copy for so long counts as out of reach. Some read and write all of it, over a network: a
 * gigabyte has four minutes more.
 */
const COPY_MS = 60_000;
const COPY_BYTES_PER_MS = 4_096;

interface ParkedObjectsDeps {
  readonly clock: Clock;
  readonly stores: StoreSet;
  readonly append: AppendParked;
  readonly queue: string;
  /** Where markers are. */
  readonly topics: Readonly<Record<'parts' | 'parked', { readonly name: string }>>;
  /** A topic as it is now; undefined: there is none. */
  readonly describe: (name: string) => Promise<TopicDescription | undefined>;
  readonly logEnds: (place: TopicPartition) => Promise<LogEnds>;
}

interface CopyFor {
  /** Whose mark it is, as long as somebody has it. */
  readonly mark: object;
  readonly partition: number;
  readonly lane: string;
  readonly id: string;
  /** Nobody waits for it any more. */
  readonly signal: AbortSignal;
}

/** Of a copy, in the parked topic. */
interface Marker {
  readonly topicId: string | undefined;
  readonly partition: number;
  readonly offset: number;
  /** The copy's. */
  readonly key: string;
  /** A store is at it, although nobody may wait for it any more. */
  isBusy: boolean;
}

/**
 * Copies objects of tasks that are parked, inside their store: the copy has its marker in the parked topic, behind the place
 * from which its mark needs that topic, and is kept as long as the task's own copy.
 */
export class ParkedObjects {
  readonly #deps: ParkedObjectsDeps;
  readonly #places = new Map<string, CopyPlaces>();
  /** Of copies that were not made yet. A store may be away for days: its records would add up, and none goes while its mark is there. */
  readonly #markers = new WeakMap<object, Map<string, Marker>>();

  constructor(deps: ParkedObjectsDeps) {
    this.#deps = deps;
  }

  /** Where the parts are then. Rejects when it is to be done again; with a PartsLostError when the object is gone. */
  async copy(manifest: BodyManifest, object: StoredObject, where: CopyFor): Promise<BodyManifest> {
    const store = this.#deps.stores.get(object.store);
    if (store === undefined) throw new StoreMissingError(object.store);
    const place = await this.#placesOf(object).enter(where.signal);
    if (place === undefined) throw outOfTime(object, 'as many copies as it may have go on for too long');
    const marker = await this.#markerFor(manifest, where).catch((error: unknown) => {
      place.leave();
      throw error;
    });
    const ms = COPY_MS + Math.ceil(manifest.bytes / COPY_BYTES_PER_MS);
    try {
      await this.#inTime({ ms, object, place, outer: where.signal }, async (signal) => {
        marker.isBusy = true;
        try {
          await store.copy(object.key, marker.key, { signal });
        } finally {
          marker.isBusy = false;
        }
      });
    } catch (error) {
      if (!isStoreError(error, 'missing')) throw error;
      const itsMarker = await this.#markerInLog(object.key);
      throw itsMarker === undefined ? lost(manifest, object) : outOfReach(object, itsMarker, error);
    }
    this.#markers.get(where.mark)?.delete(markerName(where.id, manifest.upload));
    return { ...manifest, partition: where.partition, object: { ...object, key: marker.key } };
  }

  #placesOf({ store }: StoredObject): CopyPlaces {
    const known = this.#places.get(store) ?? new CopyPlaces();
    this.#places.set(store, known);
    return known;
  }

  /** That of the try before, when that is over and the marker in the log. */
  async #markerFor({ upload }: BodyManifest, { mark, partition, lane, id }: CopyFor): Promise<Marker> {
    const { append, queue, topics, describe } = this.#deps;
    // As it is now: objects under an older one are nobody's to delete.
    const topicId = (await describe(topics.parked.name))?.id;
    const markers = this.#markers.get(mark) ?? new Map<string, Marker>();
    this.#markers.set(mark, markers);
    const name = markerName(id, upload);
    const known = markers.get(name);
    if (known?.topicId === topicId && known?.isBusy === false && (await this.#isInLog(known))) return known;
    const { offset } = await append({ partition, lane, id, record: objectMarker(upload) });
    const key = objectKey({ queue, role: 'parked', topicId, partition }, offset, upload);
    const marker = { topicId, partition, offset, key, isBusy: false };
    markers.set(name, marker);
    return marker;
  }

  async #isInLog({ partition, offset }: Marker): Promise<boolean> {
    const { start, end } = await this.#deps.logEnds({ topic: this.#deps.topics.parked.name, partition });
    return offset >= start && offset < end;
  }

  /** What comes to be in spite of its signal has its marker, and goes with it; until it ends it has its place. */
  async #inTime(
    limits: {
      readonly ms: number;
      readonly object: StoredObject;
      readonly place: CopyPlace;
      readonly outer: AbortSignal;
    },
    copy: (signal: AbortSignal) => Promise<void>,
  ): Promise<void> {
    const { ms, object, place, outer } = limits;
    const timeUp = new AbortController();
    const { signal, unlink } = linkSignals(outer, timeUp.signal);
    const giveUp = (): void => {
      place.hangs();
      timeUp.abort(outOfTime(object, `nothing came of it in ${ms / 1_000} s`));
    };
    const timer = this.#deps.clock.setTimer(ms, giveUp, { background: true });
    const ended = (): void => {
      timer.clear();
      place.leave();
    };
    const copying = Promise.resolve().then(() => copy(signal));
    void copying.then(ended, ended);
    try {
      await untilAborted(copying, signal);
    } catch (error) {
      // Stores say in many ways that they were told to stop.
      throw signal.aborted ? signal.reason : error;
    } finally {
      unlink();
    }
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

function markerName(id: string, upload: string): string {
  return `${id}/${upload}`;
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

function outOfTime({ store, key }: StoredObject, why: string): PayloadStoreError {
  return new PayloadStoreError({ store, key, reason: 'unreachable' }, 'copy', new Error(why));
}

function lost(manifest: BodyManifest, object: StoredObject): PartsLostError {
  const { partition, upload, from, to, count } = manifest;
  const topic = `${object.store}:${object.key}`;
  const place = { topic, partition, upload, from, to, part: 0, parts: count, object };
  return new PartsLostError(place, 'the object is not there');
}
