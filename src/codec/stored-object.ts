import type { OutgoingRecord } from '../kafka/port.ts';
import { partHeaders } from './header-names.ts';

/** An object that holds the parts of one upload. */
export interface StoredObject {
  /** Name of the store. */
  readonly store: string;
  readonly key: string;
}

/** Objects whose markers are in one partition: the parts topic's of tasks in the queue, the parked topic's of parked ones. */
export interface ObjectPlace {
  readonly queue: string;
  readonly role: 'parts' | 'parked';
  /** Kafka's id of that topic; undefined on the embedded cluster. One that is made anew begins at offset 0 again. */
  readonly topicId: string | undefined;
  readonly partition: number;
}

/** Where an object's marker is, by its key. */
interface ObjectMarker extends Omit<ObjectPlace, 'topicId'> {
  readonly offset: number;
  /** Whether it is in the topic of that id. */
  isOf(topicId: string | undefined): boolean;
}

/** Longest key. Names of queues have up to 242 characters. */
export const MAX_OBJECT_KEY_CHARACTERS = 400;

const OFFSET_DIGITS = 16;

const digits = /^\d+$/;

/** No `.` and no `..`, which lead elsewhere in a folder. */
const segment = /^(?!\.{1,2}$)[A-Za-z0-9._-]+$/;

/** Whether it can be the key of an object of ours: short, of plain characters, and going nowhere but down. */
export function isObjectKey(value: unknown): value is string {
  if (typeof value !== 'string' || value.length > MAX_OBJECT_KEY_CHARACTERS) return false;
  return value.split('/').every((part) => segment.test(part));
}

/** What the keys of all objects of a place begin with. */
export function objectPrefix({ queue, role, topicId, partition }: ObjectPlace): string {
  return `${queue}/${role}/${topicName(topicId)}/${partition}/`;
}

/** How a topic is called in keys. */
function topicName(id: string | undefined): string {
  return id === undefined ? 'embedded' : id.replaceAll(/[^A-Za-z0-9_-]/g, '_');
}

/**
 * The key of an upload's object. The offset of its *marker*, a record in that topic, comes first: an object is needed for no
 * longer than a part at the marker's place would be, so those below the log's start can be deleted, and are first in a list.
 */
export function objectKey(place: ObjectPlace, marker: number, upload: string): string {
  return `${objectsBelow(place, marker)}-${upload}`;
}

/** Comes behind the keys of all objects whose markers are below that offset, and before all others. */
export function objectsBelow(place: ObjectPlace, offset: number): string {
  return `${objectPrefix(place)}${String(offset).padStart(OFFSET_DIGITS, '0')}`;
}

/** Where the marker of an object is, or was; undefined when the key is none that `objectKey` makes. */
export function markerOf(key: string): ObjectMarker | undefined {
  const [queue = '', role, topic = '', partition = '', name = '', ...more] = key.split('/');
  const marker = name.slice(0, OFFSET_DIGITS);
  if (role !== 'parts' && role !== 'parked') return undefined;
  if (more.length > 0 || name[OFFSET_DIGITS] !== '-') return undefined;
  if (!digits.test(marker) || !digits.test(partition)) return undefined;
  return {
    queue,
    role,
    partition: Number(partition),
    offset: Number(marker),
    isOf: (id) => topicName(id) === topic,
  };
}

/** The record that stands where the first part would be. It has no index: readers of parts pass over it. */
export function objectMarker(upload: string): OutgoingRecord {
  const id = Buffer.from(upload, 'latin1');
  return { key: id, value: Buffer.from('object', 'latin1'), headers: [[partHeaders.upload, id]] };
}
