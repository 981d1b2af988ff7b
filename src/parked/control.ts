import { hostname, userInfo } from 'node:os';
import type { Clock } from '../clock/clock.ts';
import { type LinkedSignal, linkSignals } from '../clock/linked-signal.ts';
import type { CodecSet } from '../codec/payload-codec.ts';
import type { StoreSet } from '../codec/payload-store.ts';
import { QueueClosedError } from '../errors/parked-errors.ts';
import type { Verb } from '../journal/journal.ts';
import { encodeEntry } from '../journal/journal-entry.ts';
import type { Admin, LogEnds } from '../kafka/admin.ts';
import type { KafkaDriver } from '../kafka/driver.ts';
import type { Reader } from '../kafka/port.ts';
import type { TaskRegistry } from '../tasks/task-registry.ts';
import { GroupJournal } from './group-journal.ts';

/** A topic as it is. */
export interface ControlTopic {
  readonly name: string;
  readonly partitions: number;
}

/** The topics that operators' calls look at. */
export interface ControlTopics {
  readonly queue: ControlTopic;
  readonly parked: ControlTopic;
  readonly parts: ControlTopic;
  readonly state: ControlTopic;
}

/** What operators' calls are made of, given by the queue. */
export interface ControlDeps {
  readonly queue: string;
  readonly registry: TaskRegistry;
  /** What payloads are shown with. */
  readonly codecs: CodecSet;
  readonly stores: StoreSet;
  readonly driver: KafkaDriver;
  readonly admin: () => Promise<Admin>;
  /** Makes sure of the queue's topics, and says what they are. */
  readonly topics: () => Promise<ControlTopics>;
  /** Appends to the state topic; resolves once that is durable. */
  readonly append: (topic: string, record: StateRecord) => Promise<unknown>;
  readonly partitionFor: (key: string) => number;
  readonly clock: Clock;
  readonly newId: () => string;
}

interface StateRecord {
  readonly partition: number;
  readonly key: string;
  readonly value: Buffer;
}

/** An operator's command for one partition. */
export interface CommandToSend {
  readonly id: string;
  readonly partition: number;
  readonly verb: Verb;
  /** '' for what concerns a type. */
  readonly laneKey: string;
}

/** Under which group, and by whom. */
export interface Sender {
  readonly group: string;
  readonly by: string;
}

const PREFETCH_BYTES = { journal: 1024 * 1024, parked: 4 * 1024 * 1024 };

/** What all operators' calls of one queue share: readers without a group, journals, and their common end. */
export class Control {
  readonly deps: ControlDeps;
  readonly #journals = new Map<string, Promise<GroupJournal>>();
  readonly #open = new Set<Promise<unknown>>();
  /** An iteration that nobody goes on with leaves its reader here. */
  readonly #readers = new Set<Reader>();
  readonly #closing = new AbortController();

  constructor(deps: ControlDeps) {
    this.deps = deps;
  }

  groupOf(given: string | undefined): string {
    return given ?? this.deps.queue;
  }

  senderOf(given: { readonly group?: string | undefined; readonly by?: string | undefined }): Sender {
    return { group: this.groupOf(given.group), by: given.by ?? thisProcess() };
  }

  /** Does something that ends with the queue: its signal is the caller's and the queue's. */
  async run<T>(given: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    const linked = this.link(given);
    const running = work(linked.signal).finally(linked.unlink);
    const open = running.catch(() => {}).finally(() => this.#open.delete(open));
    this.#open.add(open);
    return await running;
  }

  /** A signal that aborts with the queue and with the caller's. */
  link(given: AbortSignal | undefined): LinkedSignal {
    return linkSignals(this.#closing.signal, given);
  }

  journal(group: string): Promise<GroupJournal> {
    let journal = this.#journals.get(group);
    if (journal === undefined) {
      journal = this.#newJournal(group);
      this.#journals.set(group, journal);
      journal.catch(() => this.#journals.delete(group)); // the next one tries again
    }
    return journal;
  }

  /** A reader without a group; `closeReader` ends it, at the latest the queue does. */
  async openReader(name: keyof typeof PREFETCH_BYTES): Promise<Reader> {
    const { queue, driver } = this.deps;
    const prefetchBytes = PREFETCH_BYTES[name];
    const reader = await driver.reader({ name: `${queue}.operator.${name}`, prefetchBytes });
    reader.onProblem(() => {}); // reading goes on; who waits in vain is told so
    this.#readers.add(reader);
    return reader;
  }

  async closeReader(reader: Reader): Promise<void> {
    if (this.#readers.delete(reader)) await reader.close();
  }

  async logEnds(topic: string, partition: number): Promise<LogEnds> {
    const admin = await this.deps.admin();
    const [ends] = await admin.logEnds([{ topic, partition }]);
    if (ends === undefined) throw new Error(`the ends of ${topic}/${partition} were asked for and not told`);
    return ends;
  }

  /** Resolves when the command is durable: from then on it will be obeyed by whoever owns the partition. */
  async send({ group, by }: Sender, command: CommandToSend): Promise<void> {
    const { id, partition, verb, laneKey } = command;
    const { topics, append, clock } = this.deps;
    const { state } = await topics();
    const atMs = clock.wallMs();
    const text = encodeEntry({ kind: 'command', group, partition, id, verb, key: laneKey, by, atMs });
    await append(state.name, {
      partition: partition % state.partitions,
      // One immutable key an entry: nothing overwrites anything, even on a topic that somebody made compacted.
      key: `${group}/${partition}/${id}`,
      value: Buffer.from(text),
    });
  }

  /** Ends what is waiting, and resolves when all has ended. */
  async close(): Promise<void> {
    this.#closing.abort(new QueueClosedError(this.deps.queue));
    await Promise.all(this.#open);
    await Promise.all([...this.#readers].map((reader) => this.closeReader(reader)));
  }

  async #newJournal(group: string): Promise<GroupJournal> {
    const { topics, admin, clock } = this.deps;
    const { state } = await topics();
    return new GroupJournal({
      group,
      topic: state.name,
      partitionCount: state.partitions,
      openReader: () => this.openReader('journal'),
      closeReader: (reader) => this.closeReader(reader),
      logEnds: async (partitions) => (await admin()).logEnds(partitions),
      clock,
    });
  }
}

/** Who asks, unless told otherwise. */
function thisProcess(): string {
  return `${userName()}@${hostname()}:${process.pid}`;
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown'; // a user id without an entry, as in many containers
  }
}
