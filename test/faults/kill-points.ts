import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type { Appender, IncomingRecord, Membership, Reader, RecordBatch } from '../../src/kafka/port.ts';
import { readThrough } from './read-through.ts';

/** Where in parking and redriving a worker can be killed: what it is about to send, or has just learned. */
export type KillStep =
  /** MARK, progress, the end of a mark and the end of a command, in the journal. */
  | 'mark'
  | 'progress'
  | 'cleared'
  | 'done'
  /** Copies in the parked topic, those of tasks with parts among them, and of parts. */
  | 'copy'
  | 'copy with parts'
  | 'part'
  /** The first commit after a copy, and after the end of a mark. */
  | 'commit of copied'
  | 'commit of cleared'
  /** A redrive command, as it is read. */
  | 'command';

export interface KillPoint {
  readonly step: KillStep;
  readonly moment: 'before' | 'after';
  /** The first, second... time that it comes there. */
  readonly nth: number;
}

/** Ends its process with SIGKILL at the point it is armed with; seen in what passes the driver, not in the engine. */
export class KillPoints {
  readonly #queue: string;
  #armed: KillPoint | undefined;
  #passed = 0;
  #copied = false;
  #cleared = false;

  constructor(queue: string) {
    this.#queue = queue;
  }

  arm(point: KillPoint | undefined): void {
    this.#armed = point;
    this.#passed = 0;
    this.#copied = false;
    this.#cleared = false;
  }

  driver(driver: KafkaDriver): KafkaDriver {
    return {
      embedded: driver.embedded,
      appender: async () => this.#appender(await driver.appender()),
      reader: async (options) => this.#reader(await driver.reader(options)),
      membership: (options) => this.#membership(driver.membership(options)),
      admin: () => driver.admin(),
      close: () => driver.close(),
    };
  }

  /** Runs a call that takes a step, and dies before or after it if that was asked for. */
  async #around<T>(steps: readonly KillStep[], call: () => Promise<T>): Promise<T> {
    const dies = steps.some((step) => this.#armed?.step === step) && this.#comesTo();
    if (dies && this.#armed?.moment === 'before') die();
    const result = await call();
    if (dies) die();
    if (steps.includes('copy')) this.#copied = true;
    if (steps.includes('cleared')) this.#cleared = true;
    return result;
  }

  #comesTo(): boolean {
    this.#passed += 1;
    return this.#passed === this.#armed?.nth;
  }

  #appender(appender: Appender): Appender {
    return {
      get incarnation() {
        return appender.incarnation;
      },
      append: (batch) => this.#around(this.#stepsOf(batch), () => appender.append(batch)),
      close: (options) => appender.close(options),
    };
  }

  /** One batch may take several. */
  #stepsOf({ topic, records }: RecordBatch): readonly KillStep[] {
    if (topic === `${this.#queue}.parked`) return copySteps(records);
    if (topic !== `${this.#queue}.state`) return [];
    const kinds = new Set(records.map(({ value }) => kindOf(value)));
    return (['mark', 'progress', 'cleared', 'done'] as const).filter((step) => kinds.has(step));
  }

  #membership(membership: Membership): Membership {
    return {
      join: (listener) => membership.join(listener),
      commit: (offsets) => {
        const step = this.#cleared ? 'commit of cleared' : this.#copied ? 'commit of copied' : undefined;
        return this.#around(step === undefined ? [] : [step], () => membership.commit(offsets));
      },
      committed: (partitions) => membership.committed(partitions),
      leave: () => membership.leave(),
      abandon: () => membership.abandon(),
    };
  }

  #reader(reader: Reader): Reader {
    return readThrough(reader, (records) => {
      const told = records.some((record) => this.#isRedrive(record));
      return told ? this.#around(['command'], () => Promise.resolve(records)) : records;
    });
  }

  #isRedrive({ topic, value }: IncomingRecord): boolean {
    if (topic !== `${this.#queue}.state` || kindOf(value) !== 'command') return false;
    return value?.includes('redrive') === true;
  }
}

function copySteps(records: RecordBatch['records']): readonly KillStep[] {
  const has = (name: string): boolean => records.some(({ headers }) => headers.some(([one]) => one === name));
  if (has('kl-park-end')) return [];
  if (!has('kl-park-group')) return ['part'];
  return has('kl-body-parts') ? ['copy', 'copy with parts'] : ['copy'];
}

function kindOf(value: Buffer | null): unknown {
  try {
    const entry: unknown = JSON.parse(value?.toString('utf8') ?? '');
    return typeof entry === 'object' && entry !== null && 'kind' in entry ? entry.kind : undefined;
  } catch {
    return undefined;
  }
}

function die(): void {
  process.kill(process.pid, 'SIGKILL');
}
