import type { PayloadCodec } from '../../src/codec/payload-codec.ts';
import type { JournalEntry, MarkEntry, WrittenEntry } from '../../src/journal/journal.ts';
import { decodeEntry, encodeEntry } from '../../src/journal/journal-entry.ts';
import type { OutgoingRecord, RecordHeader } from '../../src/kafka/port.ts';
import { QueueRig } from './queue-rig.ts';

/** A key of tasks, in words: what a test scripts into the journal. */
export interface ScriptedMark extends Partial<MarkEntry> {
  readonly partition?: number;
}

/** Omits from each member of a union. */
type Without<E, K extends string> = E extends unknown ? Omit<E, K> : never;

const partitions = 2;

/**
 * A queue whose journal and parked topic a test writes itself, in place of workers. There are 2 partitions; a group of
 * workers named like the queue owns both.
 */
export class OperatorRig {
  readonly rig: QueueRig;
  readonly group: string;
  readonly #epochs = new Map<number, number>();

  private constructor(group: string, codecs: { readonly codec?: PayloadCodec }) {
    this.group = group;
    this.rig = new QueueRig({ topic: { partitions }, ...codecs });
  }

  static async open(group = 'q', codecs: { readonly codec?: PayloadCodec } = {}): Promise<OperatorRig> {
    const opened = new OperatorRig(group, codecs);
    await opened.rig.queue.parked.list(); // makes the topics
    for (let partition = 0; partition < partitions; partition += 1) opened.takeOver(partition);
    return opened;
  }

  get queue(): QueueRig['queue'] {
    return this.rig.queue;
  }

  /** A new owner; what the one before writes from now on is void. Returns the epoch of the one before. */
  takeOver(partition: number): number {
    const before = this.#epochs.get(partition) ?? -1;
    const epoch = this.write(partition, { kind: 'claim', by: 'w' });
    this.#epochs.set(partition, epoch);
    this.write(partition, { kind: 'confirm', epoch, frontier: 0, topicId: '', reason: 'taken' });
    return before;
  }

  write(partition: number, entry: Without<JournalEntry, 'group' | 'partition'>): number {
    const whole = { ...entry, group: this.group, partition } as JournalEntry; // what was left out is back
    const value = Buffer.from(encodeEntry(whole));
    const place = { topic: 'q.state', partition: partition % partitions };
    const [outcome] = this.rig.cluster.write(place, [{ key: Buffer.from('entry'), value, headers: [] }]);
    if (outcome?.kind !== 'appended') throw new Error('the journal did not take an entry');
    return outcome.offset;
  }

  epoch(partition: number): number {
    return this.#epochs.get(partition) ?? -1;
  }

  /** Parks a key; returns the mark. */
  mark(key: string, { partition = 0, ...given }: ScriptedMark = {}): number {
    return this.write(partition, {
      kind: 'mark',
      epoch: this.epoch(partition),
      key: Buffer.from(key).toString('latin1'),
      scope: 'key',
      from: 0,
      parkedFrom: this.#parkedEnd(partition),
      type: 'work',
      id: `${key}-first`,
      reason: 'gave-up',
      error: 'it broke',
      atMs: 1_000,
      command: '',
      ...given,
    });
  }

  /** The owner writes that a command has ended. */
  done(partition: number, command: string, outcome: string, epoch = this.epoch(partition)): void {
    this.write(partition, { kind: 'done', epoch, command, outcome });
  }

  /** A record of a task as it is in the queue. */
  async record(key: string, n: number, headers?: Readonly<Record<string, string>>): Promise<OutgoingRecord> {
    const options = { id: `${key}${n}`, ...(headers === undefined ? {} : { headers }) };
    return await this.queue.encode('work', { key, n }, options);
  }

  /** Copies a record into the parked topic, as an owner does. */
  copy(
    record: OutgoingRecord,
    place: {
      readonly mark: number;
      readonly offset: number;
      readonly partition?: number;
      readonly group?: string;
    },
    more: Readonly<Record<string, string>> = {},
  ): void {
    const { mark, offset, partition = 0, group = this.group } = place;
    const parking: Record<string, string> = {
      group,
      partition: String(partition),
      mark: String(mark),
      offset: String(offset),
      epoch: String(this.epoch(partition)),
      at: '2000',
      reason: 'gave-up',
      attempts: '0',
      ...more,
    };
    const added = Object.entries(parking).map(
      ([name, value]): RecordHeader => [`kl-park-${name}`, Buffer.from(value)],
    );
    const headers = [...record.headers, ...added];
    this.rig.cluster.write({ topic: 'q.parked', partition: partition % partitions }, [
      { ...record, headers },
    ]);
  }

  /** Commands in the journal, in order by partition. */
  commands(): Extract<WrittenEntry, { kind: 'command' }>[] {
    return this.rig.cluster.records('q.state').flatMap(({ offset, value }) => {
      const entry = value === null ? undefined : decodeEntry(value.toString());
      return entry?.kind === 'command' ? [{ ...entry, offset }] : [];
    });
  }

  /** Calls back with each command as it is written. Returns how to stop. */
  onCommand(obey: (command: Extract<WrittenEntry, { kind: 'command' }>) => void): () => void {
    const seen = new Set(this.commands().map(({ id }) => id));
    return this.rig.cluster.watch(({ topic }) => {
      if (topic !== 'q.state') return;
      for (const command of this.commands()) {
        if (seen.has(command.id)) continue;
        seen.add(command.id);
        obey(command);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }

  #parkedEnd(partition: number): number {
    return this.rig.cluster.log({ topic: 'q.parked', partition: partition % partitions })?.ends.end ?? 0;
  }
}
