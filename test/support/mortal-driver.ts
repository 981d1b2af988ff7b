import { decodeEntry } from '../../src/journal/journal-entry.ts';
import type { KafkaDriver } from '../../src/kafka/driver.ts';
import { memoryDriver } from '../../src/kafka/memory/memory-driver.ts';
import type { KafkaFailure, Membership } from '../../src/kafka/port.ts';
import type { QueueRig } from './queue-rig.ts';

/** What the process does last: before it, or right after Kafka has taken it and before anybody hears so. */
export interface LastDeed {
  /** A commit, or a journal entry of that kind. */
  readonly what: 'commit' | 'claim' | 'confirm' | 'done';
  readonly isDone: boolean;
}

const failure: KafkaFailure = { kind: 'closed', code: undefined, message: 'the process is dead' };

/** A process that dies at a given deed, once that is set: nothing that it sends from then on arrives. */
export class MortalDriver {
  readonly driver: KafkaDriver;
  lastDeed: LastDeed | undefined;
  /** Resolves when it is dead, and the group has noticed. */
  readonly died: Promise<void>;
  readonly #rig: QueueRig;
  readonly #members: Membership[] = [];
  #isDead = false;
  #markDead: () => void = () => {};

  constructor(rig: QueueRig) {
    this.#rig = rig;
    this.died = new Promise((resolve) => {
      this.#markDead = resolve;
    });
    const plain = memoryDriver(rig.cluster);
    this.driver = {
      ...plain,
      appender: async () => {
        const appender = await plain.appender();
        const append = appender.append.bind(appender);
        appender.append = async (batch) => {
          const kinds = batch.records.map(({ value }) => decodeEntry(value.toString())?.kind);
          const isLast = kinds.some((kind) => kind !== undefined && kind === this.lastDeed?.what);
          if (this.#isDead || (isLast && !this.#live())) {
            const outcomes = batch.records.map(() => ({ kind: 'unknown', failure }) as const);
            return { outcomes, incarnation: appender.incarnation };
          }
          const result = await append(batch);
          if (!isLast) return result;
          this.#die();
          return { ...result, outcomes: result.outcomes.map(() => ({ kind: 'unknown', failure })) };
        };
        return appender;
      },
      membership: (options) => {
        const member = plain.membership(options);
        this.#members.push(member);
        const commit = member.commit.bind(member);
        member.commit = async (offsets) => {
          const isLast = this.lastDeed?.what === 'commit';
          const refused = offsets.map(({ topic, partition }) => ({ topic, partition, failure }));
          if (this.#isDead || (isLast && !this.#live())) return refused;
          const outcomes = await commit(offsets);
          if (!isLast) return outcomes;
          this.#die();
          return refused;
        };
        return member;
      },
    };
  }

  /** Whether it lives to see its last deed done. */
  #live(): boolean {
    if (this.lastDeed?.isDone === true) return true;
    this.#die();
    return false;
  }

  #die(): void {
    this.#isDead = true;
    for (const member of this.#members) this.#rig.cluster.crash(member);
    this.#rig.cluster.expire();
    this.#markDead();
  }
}
