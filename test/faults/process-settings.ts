import type { QueueOptions } from '../../src/queue/queue-options.ts';
import type { TaskMap } from '../../src/tasks/task-map.ts';
import type { EngineMutant } from './engine-mutants.ts';
import type { KillPoint } from './kill-points.ts';
import type { BodyPlan } from './large-body.ts';
import type { PayloadPlan } from './work-payload.ts';

export type GroupProtocol = 'classic' | 'consumer';

/** Options of a queue about what it keeps: the same in all its processes. */
export type KeepingOptions = Pick<QueueOptions<TaskMap>, 'groups' | 'retention' | 'uploadTimeoutMs'>;

/** What every process of a run is told. */
export interface QueueSettings {
  readonly brokers: readonly string[];
  readonly queue: string;
  readonly partitions: number;
  /** Default: the queue's own defaults. */
  readonly queueOptions?: KeepingOptions;
  /** Where the event logs go. */
  readonly folder: string;
  /** The name of this life of the process. */
  readonly life: string;
  /** Node: --max-old-space-size. Default: Node's own. */
  readonly heapMegabytes?: number;
  /** Writes down every half second what the process holds and has read. */
  readonly gauges?: boolean;
  /** Where bodies go. Default: the parts topic. */
  readonly s3?: S3Place;
}

/** A bucket, and how to get at it. */
export interface S3Place {
  readonly endpoint: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly bucket: string;
}

/** What a handler does between its first and its last line. */
export type Work =
  /** Waits for a time that follows from the task. */
  | { readonly kind: 'sleep'; readonly minMs: number; readonly maxMs: number }
  /** Asks the slow server, which answers after a time that follows from the task. */
  | { readonly kind: 'ask'; readonly port: number; readonly minMs: number; readonly maxMs: number }
  /** Waits as for `sleep`, then writes to the fenced store, whatever its signal says. */
  | { readonly kind: 'store'; readonly port: number; readonly minMs: number; readonly maxMs: number };

export type Killing = 'exit' | 'out of memory' | 'segmentation fault';

export interface WorkerSettings extends QueueSettings {
  readonly concurrency: number;
  readonly commitIntervalMs: number;
  readonly protocol: 'auto' | 'classic' | 'consumer';
  readonly detectFailureMs: number;
  readonly drainMs: number;
  readonly work: Work;
  /** One in so many tasks takes this long instead; it heeds its signal. */
  readonly slow: { readonly oneIn: number; readonly ms: number } | undefined;
  /** Keys whose tasks always fail. */
  readonly failingKeys: readonly string[];
  /** Keys whose tasks end only this long after they were asked to come to an end. */
  readonly clinging: { readonly keys: readonly string[]; readonly ms: number } | undefined;
  readonly mutant: EngineMutant | undefined;
  /** Default: the queue's name. */
  readonly group?: string;
  /** Kafka: group.instance.id. */
  readonly staticMemberId?: string;
  /** Keys whose tasks end their process, and how. */
  readonly killers?: Readonly<Record<string, Killing>>;
  /** Failed tries after which a task is given up; default: none. */
  readonly maxAttempts?: number;
  /** Default: the key is parked. */
  readonly afterGiveUp?: 'parkKey' | 'parkTask' | 'wait';
  /** Tasks fail for as long as there is a file for them, see poison.ts. */
  readonly poisonable?: boolean;
  /** Tasks of keys that begin with this are given up at once. */
  readonly parkPrefix?: string;
  /** A partition halted for this reason is what the run is about, and no failure. */
  readonly expectedHalt?: string;
}

export interface ProducerSettings extends QueueSettings {
  readonly payloads: PayloadPlan;
  /** Tasks with such bodies, as streams, instead of those with payloads. */
  readonly bodies?: BodyPlan;
  /** Calls under way at once. */
  readonly window: number;
}

/** What a producer process is asked to do. */
export interface ProducerOrder {
  /** Enqueues one task for each of these keys, in this order. */
  readonly keys: readonly string[];
  /** Pause between calls; 0 = as fast as the window lets. */
  readonly everyMs: number;
  /** The tasks have bodies of so many bytes, whatever the settings say. */
  readonly bodyBytes?: number;
  /** A body's first part comes at once, and the rest of it bit by bit in this time. */
  readonly bodyMs?: number;
  /** The records of tasks are held back for so long, on their way to the brokers. */
  readonly holdMs?: number;
  /** Of each call; default: the queue's. */
  readonly timeoutMs?: number;
}

/** What a worker process may be told. */
/** To stand still until it is told to go on, or where it is to end. */
export type WorkerOrder = 'stand still' | { readonly killAt: KillPoint | undefined };

const VARIABLE = 'KEYLANE_FAULTS';

/** The environment that carries settings to a child process. */
export function settingsEnvironment(settings: QueueSettings): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(settings) };
}

/** The settings that this process was started with. `S` is what its starter wrote. */
export function readSettings<S extends QueueSettings>(): S {
  return JSON.parse(process.env[VARIABLE] ?? '{}') as S;
}
