import type { Clock, Timer } from '../clock/clock.ts';
import { endsWithin } from '../clock/ends-within.ts';
import type { PayloadStore, StoreSet } from '../codec/payload-store.ts';
import { isObjectKey, type ObjectPlace, objectPrefix, objectsBelow } from '../codec/stored-object.ts';
import type { LogEnds } from '../kafka/admin.ts';
import type { TopicPartition } from '../kafka/port.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Whether or not a log's start has moved, what lies below is looked for again: an upload that was given up may end late. */
const LOOK_AGAIN_MS = 3_600_000;

/** A failure is told once in so long. */
const TELL_AGAIN_MS = 600_000;

/** Objects listed, and deleted, in one go. */
const MAX_COUNT = 1_000;
const DELETE_COUNT = 50;

/** A store that does not answer is not waited for when the worker ends: it can only delete what may go. */
const STOP_MS = 5_000;

interface PurgedTopic {
  readonly name: string;
  readonly id: string | undefined;
  readonly partitions: number;
}

interface ObjectPurgeDeps {
  readonly stores: StoreSet;
  readonly queue: string;
  readonly topics: { readonly parts: PurgedTopic; readonly parked: PurgedTopic };
  /** Partitions of the queue that this worker has now. */
  readonly owned: () => Iterable<{ readonly partition: number; readonly phase: string }>;
  readonly logEnds: (place: TopicPartition) => Promise<LogEnds>;
  /** A topic's id as it is now; undefined: there is no such topic. */
  readonly topicId: (name: string) => Promise<string | undefined>;
  /** How often the logs are looked at. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What was found of a place when it was last looked at. */
interface Looked {
  readonly start: number;
  readonly atMs: number;
}

/**
 * Deletes objects whose markers are gone from the log: those of finished tasks, of tasks that were parked and redriven, and
 * of uploads that came to nothing. A log's start never moves back, so it does no harm when several do it, or one that has
 * lost its partition since.
 */
export class ObjectPurge {
  readonly #deps: ObjectPurgeDeps;
  readonly #looked = new Map<string, Looked>();
  #timer: Timer | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(deps: ObjectPurgeDeps) {
    this.#deps = deps;
  }

  start(): void {
    if (this.#deps.stores.size > 0) this.#later();
  }

  /** Resolves when nothing of it goes on, but for what a store does not answer. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.clear();
    if (this.#running !== undefined) await endsWithin(this.#running, STOP_MS, this.#deps.clock);
  }

  #later(): void {
    if (this.#isClosed) return;
    this.#timer = this.#deps.clock.setTimer(this.#deps.intervalMs, () => {
      this.#running = this.#round().finally(() => {
        this.#running = undefined;
        this.#later();
      });
    });
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    const { stores, topics } = this.#deps;
    const owned = [...this.#deps.owned()].filter(({ phase }) => phase === 'running');
    for (const role of ['parts', 'parked'] as const) {
      for (const { partition } of owned) {
        if (partition >= topics[role].partitions || this.#isClosed) continue;
        const { id: topicId } = topics[role];
        if (topicId === undefined) continue; // the next cluster of this process begins at offset 0, under the same name
        try {
          await this.#purge([...stores.values()], { queue: this.#deps.queue, role, topicId, partition });
        } catch (error) {
          this.#tell(role, partition, error);
        }
      }
    }
  }

  async #purge(stores: readonly PayloadStore[], place: ObjectPlace): Promise<void> {
    const { topics, logEnds, topicId, clock } = this.#deps;
    const prefix = objectPrefix(place);
    const { name } = topics[place.role];
    const { start } = await logEnds({ topic: name, partition: place.partition });
    const looked = this.#looked.get(prefix);
    const isNew = start > (looked?.start ?? 0) || clock.monotonicMs() - (looked?.atMs ?? 0) >= LOOK_AGAIN_MS;
    if (start === 0 || !isNew) return;
    // In that order: ids do not come back, so this was the topic whose start that is.
    if ((await topicId(name)) !== place.topicId) return;
    const below = objectsBelow(place, start);
    for (const store of stores) {
      for (;;) {
        const keys = await store.listBelow({ prefix, below, maxCount: MAX_COUNT });
        // What somebody else has put there is not ours.
        const ours = keys.filter(isObjectKey);
        for (let at = 0; at < ours.length; at += DELETE_COUNT) {
          if (this.#isClosed) return;
          await store.delete(ours.slice(at, at + DELETE_COUNT));
        }
        if (keys.length < MAX_COUNT || ours.length === 0) break;
      }
    }
    this.#looked.set(prefix, { start, atMs: clock.monotonicMs() });
  }

  #tell(role: string, partition: number, error: unknown): void {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs - this.#toldAtMs < TELL_AGAIN_MS) return;
    this.#toldAtMs = nowMs;
    this.#deps.logger.warn('objects that are not needed any more could not be deleted; it is tried again', {
      role,
      partition,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}
