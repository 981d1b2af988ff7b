import { setTimeout as wait } from 'node:timers/promises';
import type { ClusterAdmin, LogSpan } from './cluster-admin.ts';
import { monotonicMs } from './event-log.ts';

/** How often the brokers are asked. */
const LOOK_MS = 150;

/** What the brokers said at one time, partition by partition. */
export interface LogSample {
  /** When the last answer was there, on the clock of the event logs. */
  readonly at: number;
  readonly logs: readonly LogSpan[];
  /** What each group has committed, read when the logs had been: it may have gone on since, and not back. */
  readonly committed: ReadonlyMap<string, readonly (number | undefined)[]>;
}

export interface Watched {
  readonly topic: string;
  readonly partitions: number;
  readonly groups: readonly string[];
}

/** Asks the brokers over and over what is left of a topic, by an admin client that has nothing to do with keylane. */
export class LogWatch {
  readonly samples: LogSample[] = [];
  readonly #admin: ClusterAdmin;
  readonly #watched: Watched;
  readonly #running: Promise<void>;
  #isOver = false;

  /** The topic must be there. */
  constructor(admin: ClusterAdmin, watched: Watched) {
    this.#admin = admin;
    this.#watched = watched;
    this.#running = this.#run();
    this.#running.catch(() => undefined);
  }

  get latest(): LogSample | undefined {
    return this.samples.at(-1);
  }

  /** Resolves when a sample that was taken since fits; rejects after the time, or when the brokers do not answer. */
  async until(what: string, fits: (sample: LogSample) => boolean, timeoutMs: number): Promise<LogSample> {
    const from = monotonicMs();
    let seen = this.samples.length;
    for (;;) {
      for (; seen < this.samples.length; seen += 1) {
        const sample = this.samples[seen];
        if (sample !== undefined && fits(sample)) return sample;
      }
      if (monotonicMs() - from > timeoutMs)
        throw new Error(`${what}: not within ${timeoutMs} ms. ${this.describe()}`);
      await Promise.race([wait(LOOK_MS), this.#running]);
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  describe(): string {
    const logs = this.latest?.logs.map(({ start, end }, partition) => `${partition}: ${start} to ${end}`);
    return `${this.#watched.topic} has ${logs?.join(', ') ?? 'not been seen'}`;
  }

  async #run(): Promise<void> {
    const { topic, partitions, groups } = this.#watched;
    while (!this.#isOver) {
      const logs = await this.#admin.logs(topic, partitions);
      const committed = await Promise.all(
        groups.map(async (group) => [group, await this.#admin.committed(group, topic, partitions)] as const),
      );
      this.samples.push({ at: monotonicMs(), logs, committed: new Map(committed) });
      await wait(LOOK_MS);
    }
  }
}

/** Nothing is left in any partition. */
export function isEmpty({ logs }: LogSample): boolean {
  return logs.every(({ start, end }) => start === end);
}
