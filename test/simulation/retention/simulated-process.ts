import type { Clock } from '../../../src/clock/clock.ts';
import { ParkError } from '../../../src/errors/control-errors.ts';
import type { KafkaDriver } from '../../../src/kafka/driver.ts';
import type { MemoryCluster } from '../../../src/kafka/memory/memory-cluster.ts';
import { memoryDriver } from '../../../src/kafka/memory/memory-driver.ts';
import type { Membership } from '../../../src/kafka/port.ts';
import { KafkaConnection } from '../../../src/queue/kafka-connection.ts';
import { resolveKafkaOptions } from '../../../src/queue/kafka-options.ts';
import { TaskQueue } from '../../../src/queue/task-queue.ts';
import { silentLogger } from '../../../src/telemetry/logger.ts';
import type { TakingNote } from '../../../src/worker/core/judge-taking.ts';
import type { TaskContext } from '../../../src/worker/running/task-context.ts';
import type { Worker } from '../../../src/worker/worker.ts';
import { type Job, tasks } from '../../support/queue-rig.ts';
import { Gate, gated, gatedClock } from './gate.ts';

/** Of so many tasks one cannot be done and is parked, and its key with it. */
const PARKED_EVERY = 40;

interface Surroundings {
  readonly cluster: MemoryCluster;
  readonly clock: Clock;
  readonly partitions: number;
  readonly groups: readonly string[];
  readonly keepFinishedMs: number;
  /** Puts something around a process's driver: a mutant, say. */
  readonly around: (driver: KafkaDriver, group: string) => KafkaDriver;
  readonly onRun: (group: string, context: TaskContext) => void;
  readonly onNote: (kind: TakingNote['kind']) => void;
  readonly onHalted: (text: string) => void;
}

/** A process with a queue, and with a worker of a group. */
export class SimulatedProcess {
  readonly group: string;
  readonly queue: TaskQueue<typeof tasks>;
  readonly #cluster: MemoryCluster;
  readonly #gate = new Gate();
  readonly #kafka: KafkaConnection;
  readonly #members: Membership[] = [];
  readonly #worker: Worker;
  state: 'running' | 'frozen' | 'stopping' | 'over' = 'running';

  constructor(around: Surroundings, group: string) {
    const { cluster, clock, partitions, groups, keepFinishedMs } = around;
    this.group = group;
    this.#cluster = cluster;
    const { budgetBytes, producer } = resolveKafkaOptions({ embedded: true });
    this.#kafka = new KafkaConnection(around.around(this.#driver(), group), {
      budgetBytes,
      producer,
      clock: gatedClock(clock, this.#gate),
    });
    this.queue = new TaskQueue({
      name: 'q',
      tasks,
      kafka: this.#kafka,
      topic: { partitions },
      groups,
      retention: { keepFinishedMs },
      logger: silentLogger,
    });
    const handle = ({ n }: Job, context: TaskContext): void => {
      if (n % PARKED_EVERY === PARKED_EVERY - 1) throw new ParkError('never possible');
      around.onRun(group, context);
    };
    this.#worker = this.queue.worker(
      { work: handle, short: handle },
      { group, logger: silentLogger, commitIntervalMs: 50, rebalance: { protocol: 'consumer' } },
    );
    this.#worker.on('partition-halted', ({ partition, reason, from, to }) =>
      around.onHalted(`partition ${partition} of ${group} for ${reason}, ${from} to ${to}`),
    );
    this.#worker.on('partition-note', ({ note }) => around.onNote(note.kind));
  }

  start(): void {
    this.#worker.start().catch(() => this.#end());
  }

  /** In good order. */
  stop(): void {
    if (this.state !== 'running') return;
    this.state = 'stopping';
    void this.#close().then(() => {
      this.state = 'over';
    });
  }

  crash(): void {
    if (this.state === 'over') return;
    for (const member of this.#members) this.#cluster.crash(member);
    this.#end();
  }

  freeze(): void {
    if (this.state !== 'running') return;
    this.state = 'frozen';
    this.#gate.close();
    for (const member of this.#members) this.#cluster.freeze(member);
  }

  thaw(): void {
    if (this.state !== 'frozen') return;
    this.state = 'running';
    for (const member of this.#members) this.#cluster.thaw(member);
    this.#gate.open();
  }

  /** The group throws it out, and it joins again. */
  evict(): void {
    if (this.state === 'running') for (const member of this.#members) this.#cluster.evict(member);
  }

  async #close(): Promise<void> {
    await this.#worker.stop();
    await this.queue.close();
    await this.#kafka.close();
  }

  #end(): void {
    this.state = 'over';
    this.#gate.end();
  }

  #driver(): KafkaDriver {
    const plain = memoryDriver(this.#cluster);
    return {
      embedded: undefined,
      appender: async () => gated(await plain.appender(), this.#gate),
      reader: async (options) => gated(await plain.reader(options), this.#gate),
      membership: (options) => {
        const member = plain.membership(options);
        const join = member.join.bind(member);
        // The cluster knows it from then on: whoever dies before is nobody's member.
        member.join = (listener) => {
          this.#members.push(member);
          return join(listener);
        };
        return gated(member, this.#gate);
      },
      admin: async () => gated(await plain.admin(), this.#gate),
      close: () => plain.close(),
    };
  }
}
