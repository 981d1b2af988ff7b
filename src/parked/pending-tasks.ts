import type { TaskMap } from '../tasks/task-map.ts';
import { acceptanceOf } from './acceptance.ts';
import type { CommandOutcome } from './command-report.ts';
import type { CommandToSend, Control, Sender } from './control.ts';
import { parsed, schemas } from './control-options.ts';
import type { GroupJournal } from './group-journal.ts';
import { keyOf, laneKeyOf } from './lane-key.ts';
import { outcomesOf } from './outcomes.ts';

/** Whom a command is for, and who gives it. */
export interface CommandOptions {
  /** The consumer group. Default: the queue's name. */
  readonly group?: string | undefined;
  /** Who asks, for whoever reads the journal. Default user@host:pid. */
  readonly by?: string | undefined;
  /** Ends the waiting; what was sent is obeyed all the same. */
  readonly signal?: AbortSignal | undefined;
}

export interface WaitOptions {
  /**
   * How long to wait for the worker that owns the partition to carry the command out, milliseconds. Default 0: return
   * when the command is durable.
   */
  readonly waitMs?: number | undefined;
}

/** A key, or all tasks of a type. */
// Not TaskType<T>: for a misspelt type the compiler would print that alias with the whole map, not the names.
export type HoldTarget<T extends TaskMap> =
  | { readonly key: string; readonly type?: undefined }
  | { readonly type: keyof T & string; readonly key?: undefined };

/** A command that is durable: it will be obeyed, now or by the next worker. */
export interface CommandReceipt {
  /** The command's id, as events and the journal name it. */
  readonly id: string;
  /** undefined: it has not ended within `waitMs`. */
  readonly outcome: CommandOutcome | undefined;
}

/** What is held in a group. */
export interface Holds {
  readonly keys: readonly HeldKey[];
  readonly types: readonly HeldType[];
}

export interface HeldKey {
  readonly key: string;
  readonly partition: number;
  readonly by: string;
  readonly since: Date;
}

export interface HeldType {
  /** As it is written on tasks: a type, or an alias of one. */
  readonly type: string;
  /** All of the queue's, unless holding or releasing it was cut off. */
  readonly partitions: readonly number[];
  readonly by: string;
  readonly since: Date;
}

/**
 * Commands about tasks that are waiting in the queue. They go into the queue's journal: they hold for the whole group,
 * last over restarts, and need no worker in this process, nor a running one at all.
 */
export class PendingTasks<T extends TaskMap> {
  readonly #control: Control;
  /** Commands are written in the order of the calls. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(control: Control) {
    this.#control = control;
  }

  /**
   * Parks a key: its tasks go to the parked topic, in order, those that are enqueued later as well, until it is redriven
   * or discarded. A task that is running runs to its end first.
   *
   * @throws OptionsError, KafkaRequestError, TopicsRefusedError, EnqueueError (the command could not be written), QueueClosedError
   */
  async park(options: { readonly key: string } & CommandOptions & WaitOptions): Promise<CommandReceipt> {
    const given = parsed('pending.park()', schemas.park, options);
    return await this.#command(given, () => this.#keyCommand(given.key, { name: 'park' }));
  }

  /**
   * Finishes one task without running it: when its turn comes, or at once when it is what its key waits for. A task that
   * is running runs to its end.
   */
  async skip(
    options: { readonly key: string; readonly id: string } & CommandOptions & WaitOptions,
  ): Promise<CommandReceipt> {
    const given = parsed('pending.skip()', schemas.skip, options);
    return await this.#command(given, async () => {
      const { name } = (await this.#control.deps.topics()).queue;
      const { end } = await this.#control.logEnds(name, this.#control.deps.partitionFor(given.key));
      return this.#keyCommand(given.key, { name: 'skip', taskId: given.id, below: end });
    });
  }

  /**
   * Lets nothing of a key, or of a type, start until it is released; tasks wait in the queue, in order. A task that is
   * running runs to its end. A held type stops each key at its first task of that type, under its present name or an
   * alias, as this process's task map or the worker's has them.
   */
  async hold(options: HoldTarget<T> & CommandOptions): Promise<CommandReceipt> {
    return await this.#setHold('hold', options);
  }

  /**
   * Ends a {@link hold}. A key also goes on when it waits for something else: for its next try, or because its first task
   * was given up under `afterGiveUp: 'wait'`, which is then tried anew. A type is released under all the names that it
   * was held under, whether or not this process knows them.
   */
  async release(options: HoldTarget<T> & CommandOptions): Promise<CommandReceipt> {
    return await this.#setHold('release', options);
  }

  /**
   * Lets a partition go on that is halted (`partition-halted`): its unfinished tasks below an offset, as far as they are
   * gone from the log, are given up. Nothing that is still there is passed over. The command holds for this loss and the
   * topic as it is now; what is lost later stops the partition again.
   *
   * @param options `partition`, and `below`: the `to` of the event, or of the worker's `health()`.
   * @throws OptionsError, LossRefusedError (no such partition, or `below` lies beyond all it ever had), KafkaRequestError,
   * TopicsRefusedError, EnqueueError (the command could not be written), QueueClosedError
   */
  async acceptLoss(
    options: { readonly partition: number; readonly below: bigint } & CommandOptions & WaitOptions,
  ): Promise<CommandReceipt> {
    const given = parsed('pending.acceptLoss()', schemas.acceptLoss, options);
    const { partition, below } = given;
    const group = this.#control.groupOf(given.group);
    return await this.#command(given, async (signal) => {
      const verb = await acceptanceOf(this.#control, { group, partition, below, signal });
      return { id: this.#control.deps.newId(), partition, verb, laneKey: '' };
    });
  }

  /** What is held, and by whom. */
  async holds(options: Pick<CommandOptions, 'group' | 'signal'> = {}): Promise<Holds> {
    const given = parsed('pending.holds()', schemas.holds, options);
    return await this.#control.run(given.signal, async (signal) => {
      const journal = await this.#control.journal(this.#control.groupOf(given.group));
      return await journal.look(signal, () => holdsOf(journal));
    });
  }

  async #setHold(verb: 'hold' | 'release', options: HoldTarget<T> & CommandOptions): Promise<CommandReceipt> {
    const given = parsed(`pending.${verb}()`, schemas.hold, options);
    const { key, type } = given;
    if (type !== undefined) return await this.#setTypeHold(verb, type, given);
    return await this.#command({ ...given, waitMs: 0 }, () => this.#keyCommand(key ?? '', { name: verb }));
  }

  /** A partition's owner reads its own entries only: a type is held in each of them, under each of its names. */
  async #setTypeHold(
    verb: 'hold' | 'release',
    type: string,
    given: {
      readonly signal?: AbortSignal | undefined;
      readonly group?: string | undefined;
      readonly by?: string | undefined;
    },
  ): Promise<CommandReceipt> {
    const { registry, topics, newId } = this.#control.deps;
    const known = [type, ...registry.forEnqueue(type).aliases];
    const sender = this.#control.senderOf(given);
    const id = newId();
    await this.#control.run(given.signal, (signal) =>
      this.#inOrder(async () => {
        const { partitions } = (await topics()).queue;
        const names = verb === 'hold' ? known : await this.#withOtherNames(known, sender.group, signal);
        const commands = names.flatMap((name, index) => {
          const of = { id: index === 0 ? id : newId(), verb: typeVerb(verb, name, type), laneKey: '' };
          return Array.from({ length: partitions }, (_, partition): CommandToSend => ({ ...of, partition }));
        });
        await Promise.all(commands.map((command) => this.#control.send(sender, command)));
      }),
    );
    return { id, outcome: undefined };
  }

  /** A type is held for as long as one of its names is, and who held it may have known others. */
  async #withOtherNames(
    known: readonly string[],
    group: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const journal = await this.#control.journal(group);
    const held = await journal.look(signal, () => journal.holds.heldWith(known));
    return [...new Set([...known, ...held])];
  }

  #keyCommand(key: string, verb: CommandToSend['verb']): CommandToSend {
    const { newId, partitionFor } = this.#control.deps;
    return { id: newId(), partition: partitionFor(key), verb, laneKey: laneKeyOf(key) };
  }

  #command(
    given: {
      readonly group?: string | undefined;
      readonly by?: string | undefined;
      readonly signal?: AbortSignal | undefined;
      readonly waitMs: number;
    },
    make: MakeCommand,
  ): Promise<CommandReceipt> {
    const sender = this.#control.senderOf(given);
    return this.#control.run(given.signal, async (signal) => {
      const { command, journal } = await this.#inOrder(() =>
        this.#send(sender, () => make(signal), given.waitMs > 0),
      );
      if (journal === undefined) return { id: command.id, outcome: undefined };
      try {
        const wait = { ms: given.waitMs, clock: this.#control.deps.clock, signal };
        const ends = await outcomesOf(journal, [command], wait);
        return { id: command.id, outcome: ends.get(command.id) };
      } finally {
        journal.unfollow([command.id]);
      }
    });
  }

  async #send(
    sender: Sender,
    make: () => ReturnType<MakeCommand>,
    isFollowed: boolean,
  ): Promise<{ readonly command: CommandToSend; readonly journal: GroupJournal | undefined }> {
    const journal = isFollowed ? await this.#control.journal(sender.group) : undefined;
    const command = await make();
    journal?.follow([command.id]); // before it is sent: its end may be read as soon as it is written
    try {
      await this.#control.send(sender, command);
    } catch (error) {
      journal?.unfollow([command.id]);
      throw error;
    }
    return { command, journal };
  }

  /** After the commands of earlier calls. */
  #inOrder<R>(write: () => Promise<R>): Promise<R> {
    const written = this.#last.then(write);
    this.#last = written.catch(() => {});
    return written;
  }
}

type MakeCommand = (signal: AbortSignal) => CommandToSend | Promise<CommandToSend>;

function typeVerb(verb: 'hold' | 'release', name: string, type: string): CommandToSend['verb'] {
  return verb === 'hold' ? { name: 'hold-type', type: name, of: type } : { name: 'release-type', type: name };
}

function holdsOf({ holds }: GroupJournal): Holds {
  const keys = [...holds.keys].map(({ subject, partition, by, atMs }): HeldKey => {
    return { key: keyOf(subject), partition, by, since: new Date(atMs) };
  });
  const types = new Map<string, HeldType>();
  for (const { subject: type, partition, by, atMs } of holds.types) {
    const known = types.get(type);
    const partitions = [...(known?.partitions ?? []), partition].sort((a, b) => a - b);
    types.set(
      type,
      known === undefined ? { type, partitions, by, since: new Date(atMs) } : { ...known, partitions },
    );
  }
  return { keys, types: [...types.values()] };
}
