import type { Clock } from '../clock/clock.ts';
import type { CodecSet } from '../codec/payload-codec.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import type { Admin } from '../kafka/admin.ts';
import type { KafkaDriver } from '../kafka/driver.ts';
import type { TopicPartition } from '../kafka/port.ts';
import type { Retention } from '../options/retention.ts';
import type { TaskRegistry } from '../tasks/task-registry.ts';
import type { LiveKeys } from './core/live-keys.ts';
import type { SharedBudget } from './core/shared-budget.ts';
import type { SuspectGate } from './core/suspect-gate.ts';
import type { AppendState } from './journal/state-journal.ts';
import type { AppendParked } from './parking-io.ts';
import type { Enqueuer } from './running/handler-context.ts';
import type { AnyHandler } from './running/handler-map.ts';

/** What a worker is made of, given by its queue. */
export interface WorkerDeps {
  readonly queue: string;
  /** All groups that work on the queue. */
  readonly groups: readonly string[];
  readonly retention: Retention;
  readonly registry: TaskRegistry;
  /** What tasks are read with. */
  readonly codecs: CodecSet;
  /** Where large payloads and bodies may be. */
  readonly stores: StoreSet;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly enqueuer: Enqueuer;
  readonly driver: () => Promise<KafkaDriver>;
  readonly admin: () => Promise<Admin>;
  /** Makes sure of the queue's topics, and says what they are. */
  readonly topics: () => Promise<WorkerTopics>;
  readonly appendState: (topic: string) => AppendState;
  readonly appendParked: (topic: string) => AppendParked;
  readonly budget: SharedBudget;
  readonly liveKeys: LiveKeys;
  readonly suspectGate: SuspectGate;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly workerName: string;
  readonly onCommitted: (partition: number, frontier: number) => void;
  /** Of a queue partition, what lies below that offset of this partition of the parked topic is history. */
  readonly onParkedNeeded: (parked: TopicPartition, from: number) => void;
}

export interface WorkerTopics {
  readonly queue: { readonly name: string; readonly id: string | undefined; readonly partitions: number };
  readonly state: { readonly name: string; readonly partitions: number };
  readonly parked: WorkerTopic;
  readonly parts: WorkerTopic;
}

interface WorkerTopic {
  readonly name: string;
  readonly id: string | undefined;
  readonly partitions: number;
}
