import type { Mark, Verb } from '../../src/journal/journal.ts';
import { taskIdOf, typeNamed } from './task-types.ts';
import type { World } from './world.ts';

/** People who park, hold, skip, redrive and discard at any moment. */
export class Operators {
  readonly #world: World;
  #commands = 0;
  /** What they have asked to be dropped. */
  readonly #skipped = new Set<string>();
  readonly #discarded = new Set<string>();
  readonly #discardedMarks = new Set<number>();
  /** By command: what they have accepted to be lost. */
  readonly #accepted = new Map<string, { readonly partition: number; readonly below: number }>();

  constructor(world: World) {
    this.#world = world;
  }

  /** Somebody does something. */
  act(): void {
    const { random, scenario } = this.#world;
    const partition = random.below(scenario.partitions);
    const marks = this.#world.truth(partition).marks;
    const mark = random.pick(marks);
    if (mark !== undefined && random.chance(0.6)) this.#actOn(partition, mark);
    else this.#actOnPending(partition);
  }

  #actOn(partition: number, mark: Mark): void {
    const { random } = this.#world;
    const dice = random.next();
    if (dice < 0.7) this.#command(partition, mark.key, { name: 'redrive', mark: mark.id });
    else if (dice < 0.8) this.#command(partition, mark.key, { name: 'discard', mark: mark.id });
    else {
      const offset = random.pick(this.#world.parked.list(partition, mark));
      if (offset !== undefined)
        this.#command(partition, mark.key, { name: 'discard-task', mark: mark.id, offset });
    }
  }

  #actOnPending(partition: number): void {
    const { random, reference } = this.#world;
    const record = random.pick(reference.log(partition).filter(({ task }) => task !== undefined));
    if (record?.task === undefined) return;
    const { offset } = record;
    const { key, type } = record.task;
    const { types } = this.#world.scenario;
    const dice = random.next();
    if (dice < 0.3) this.#command(partition, key, { name: 'park' });
    else if (dice < 0.45) this.#command(partition, key, { name: 'hold' });
    else if (dice < 0.7) this.#command(partition, key, { name: 'release' });
    else if (dice < 0.75) this.#commandType(partition, 'hold-type', type);
    else if (dice < 0.85) this.#commandType(partition, 'release-type', type);
    else {
      const below = reference.log(partition).length;
      this.#command(partition, key, {
        name: 'skip',
        taskId: taskIdOf(typeNamed(types, type), key, offset),
        below,
      });
    }
  }

  /** Somebody accepts what is lost in a partition, or less than that, or where nothing is. */
  acceptSome(): void {
    const { random, scenario, losses } = this.#world;
    const partition = random.below(scenario.partitions);
    const start = losses.startOf(partition);
    this.#acceptLoss(partition, random.chance(0.7) ? start : random.below(start + 1));
  }

  /** Everything that is lost. */
  acceptAll(): void {
    this.#eachPartition((partition) => {
      const start = this.#world.losses.startOf(partition);
      if (start > (this.#world.committed.get(partition)?.offset ?? 0)) this.#acceptLoss(partition, start);
    });
  }

  #acceptLoss(partition: number, below: number): void {
    this.#accepted.set(`c${this.#commands}`, { partition, below });
    this.#command(partition, '', { name: 'accept-loss', below, topicId: 't', statePin: 's' });
  }

  /** Whether this command accepts so much. */
  haveAccepted(
    partition: number,
    { command, to }: { readonly command: string; readonly to: number },
  ): boolean {
    const accepted = this.#accepted.get(command);
    return accepted?.partition === partition && accepted.below >= to;
  }

  /** Whether somebody wants this task dropped. */
  haveAskedFor(partition: number, offset: number, mark?: number): boolean {
    if (mark !== undefined && this.#discardedMarks.has(mark)) return true;
    if (this.#discarded.has(`${partition} @${offset}`)) return true;
    const task = this.#world.reference.log(partition)[offset]?.task;
    if (task === undefined) return false;
    const type = typeNamed(this.#world.scenario.types, task.type);
    return this.#skipped.has(`${partition} ${taskIdOf(type, task.key, offset)}`);
  }

  /** Everything that is held goes on. */
  releaseAll(): void {
    this.#eachPartition((partition) => {
      for (const { name } of this.#world.scenario.types) this.#commandType(partition, 'release-type', name);
      const committed = this.#world.committed.get(partition)?.offset ?? 0;
      const { heldKeys, marks } = this.#world.truth(partition);
      const open = this.#world.reference.openKeys(partition, committed);
      for (const key of new Set([...open, ...heldKeys, ...marks.map((mark) => mark.key)]))
        this.#command(partition, key, { name: 'release' });
    });
  }

  /** True when there was something to redrive. */
  redriveAll(): boolean {
    let some = false;
    this.#eachPartition((partition) => {
      for (const mark of this.#world.truth(partition).marks) {
        some = true;
        this.#command(partition, mark.key, { name: 'redrive', mark: mark.id });
      }
    });
    return some;
  }

  #eachPartition(act: (partition: number) => void): void {
    for (let partition = 0; partition < this.#world.scenario.partitions; partition += 1) act(partition);
  }

  /** A type is held, and goes on, under each of the names that records carry. */
  #commandType(partition: number, name: 'hold-type' | 'release-type', recorded: string): void {
    const type = typeNamed(this.#world.scenario.types, recorded);
    for (const one of type.recorded) this.#command(partition, '', { name, type: one });
  }

  #command(partition: number, key: string, verb: Verb): void {
    const world = this.#world;
    const id = `c${this.#commands}`;
    this.#commands += 1;
    if (verb.name === 'skip') this.#skipped.add(`${partition} ${verb.taskId}`);
    if (verb.name === 'discard') this.#discardedMarks.add(verb.mark);
    if (verb.name === 'discard-task') this.#discarded.add(`${partition} @${verb.offset}`);
    // Whoever did not hear of the first sends it again.
    for (let times = world.fault(0.1) ? 2 : 1; times > 0; times -= 1) {
      world.appendEntry({ kind: 'command', group: 'g', partition, id, verb, key, by: 'sim', atMs: 0 });
    }
    world.note(partition, 'commanded');
  }
}
