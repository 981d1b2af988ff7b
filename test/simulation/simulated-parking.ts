import type { JournalEntry } from '../../src/journal/journal.ts';
import type { PartitionEffect } from '../../src/worker/core/effects.ts';
import type { Item } from '../../src/worker/core/lane.ts';
import type { JournalWrite, ParkedFound } from '../../src/worker/core/parked.ts';
import type { PartitionState } from '../../src/worker/core/partition-state.ts';
import { isLarge, PART_COUNT } from './parked-log.ts';
import { answerEarly, isDropped, isForgotten, mutateCopies, mutateFound } from './parking-mutants.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import type { SimulatedEvent } from './transitions.ts';

type EffectOf<Kind extends PartitionEffect['kind']> = Extract<PartitionEffect, { kind: Kind }>;

/** How often a request fails, how often its answer is lost, and how often it takes long. */
const REFUSED = 0.08;
const UNHEARD = 0.08;
const SLOW = 0.1;

/** How often a broker tells an end of the parked topic that lies before copies it does not know of. */
const STALE_END = 0.15;

/** The parked topic and the journal, as one process reaches them. */
export class SimulatedParking {
  readonly #worker: SimulatedWorker;

  constructor(worker: SimulatedWorker) {
    this.#worker = worker;
  }

  carryOut(effect: PartitionEffect): void {
    answerEarly(this.#worker, effect);
    switch (effect.kind) {
      case 'mark':
        this.#mark(effect);
        return;
      case 'copy':
        this.#copy(effect);
        return;
      case 'write':
        this.#write(effect);
        return;
      case 'read-parked':
        this.#read(effect);
        return;
      case 'postpone':
        this.#postpone(effect);
    }
  }

  /** A request is on its way; one that is cut off may still arrive, long after. */
  #request(request: () => void): void {
    const { world } = this.#worker;
    this.#worker.laterBy(world.fault(SLOW) ? world.random.below(30) : 0, request);
  }

  #mark(effect: EffectOf<'mark'>): void {
    const { world } = this.#worker;
    const { partition, mark } = effect;
    const { epoch } = partition;
    world.reference.checkMark(this.#worker, partition.partition, mark);
    this.#request(() => {
      const parkedFrom = world.parked.end;
      this.#request(() => {
        if (world.fault(REFUSED)) {
          this.#failed(effect);
          return;
        }
        const id = world.appendEntry({
          kind: 'mark',
          group: 'g',
          partition: partition.partition,
          epoch,
          key: mark.parked.key,
          scope: mark.parked.scope,
          from: mark.parked.from,
          parkedFrom,
          type: mark.item?.type ?? '',
          id: '',
          reason: mark.cause.reason,
          error: '',
          atMs: mark.atMs,
          command: mark.cause.command,
        });
        if (world.fault(UNHEARD)) this.#failed(effect);
        else
          this.#answer(partition, 'marked', (core, at) =>
            core.marked(at, partition, mark, { mark: id, parkedFrom }),
          );
      });
    });
  }

  /** Tasks that are sent in one go, as the worker's I/O chooses them: a large one alone, after its parts. */
  #copy(effect: EffectOf<'copy'>): void {
    const { partition, copy } = effect;
    const { largeTasks } = this.#worker.world.scenario;
    const at = largeTasks ? copy.items.findIndex((item) => isLarge(partition.partition, item)) : -1;
    const items = at < 0 ? copy.items : copy.items.slice(0, Math.max(1, at));
    if (at !== 0) this.#copyItems(effect, items);
    else if (this.#worker.world.scenario.mutant === 'copy-before-parts') this.#copyBeforeParts(effect, items);
    else this.#copyParts(effect, { attempt: this.#worker.world.parked.nextAttempt(), items, sent: 0 });
  }

  #copyBeforeParts(effect: EffectOf<'copy'>, items: readonly Item[]): void {
    const attempt = this.#worker.world.parked.nextAttempt();
    this.#copyItems(effect, items, attempt);
    for (let part = 0; part < PART_COUNT; part += 1)
      this.#request(() => this.#worker.world.parked.appendPart(attempt));
  }

  /** One part after the other; nobody goes on once the partition is given up. */
  #copyParts(
    effect: EffectOf<'copy'>,
    parts: { readonly attempt: number; readonly items: readonly Item[]; readonly sent: number },
  ): void {
    const { world } = this.#worker;
    const { partition, copy } = effect;
    const { attempt, items, sent } = parts;
    if (partition.phase !== 'running') {
      this.#answer(partition, 'copy left', (core, at) => core.copied(at, partition, { ...copy, items: [] }));
      return;
    }
    if (sent === PART_COUNT) {
      this.#copyItems(effect, items, attempt);
      return;
    }
    this.#request(() => {
      const refused = world.fault(REFUSED);
      if (!refused) world.parked.appendPart(attempt);
      if (!refused) world.note(partition.partition, 'part copied');
      if (refused || world.fault(UNHEARD)) this.#failed(effect);
      else this.#copyParts(effect, { ...parts, sent: sent + 1 });
    });
  }

  #copyItems(effect: EffectOf<'copy'>, chosen: readonly Item[], parts?: number): void {
    const { world } = this.#worker;
    const { partition, copy } = effect;
    this.#request(() => {
      const items = mutateCopies(world, chosen);
      // A request may fail after some of it was written, and may be written twice.
      const times = world.fault(0.05) ? 2 : 1;
      const refused = world.fault(REFUSED);
      for (let time = 0; time < times; time += 1) {
        const written = refused ? items.slice(0, world.random.below(items.length + 1)) : items;
        for (const [i, item] of written.entries()) {
          const record = {
            partition: partition.partition,
            offset: item.offset,
            mark: copy.parked.mark,
            key: item.key,
            previous: items[i - 1]?.offset ?? -1,
            item,
            parts,
          };
          if (!isDropped(world, record)) world.parked.append(record);
        }
      }
      if (refused || world.fault(UNHEARD)) this.#failed(effect);
      else
        this.#answer(partition, 'copied', (core, at) =>
          core.copied(at, partition, { ...copy, items: chosen }),
        );
    });
  }

  #postpone(effect: EffectOf<'postpone'>): void {
    const { world } = this.#worker;
    const { partition, postponed } = effect;
    const { key, type, offset } = postponed.item;
    const start = { partition: partition.partition, offset, key, type };
    const { epoch } = partition;
    const assignment = { process: this.#worker, state: partition };
    world.reference.moving(start, { ...assignment, epoch });
    this.#request(() => {
      const refused = world.fault(REFUSED);
      if (!refused && world.scenario.mutant !== 'moved-unwritten') world.reference.moved(start, epoch);
      if (refused || world.fault(UNHEARD)) {
        world.reference.moveFailed(start, assignment);
        this.#failed(effect);
      } else {
        this.#answer(partition, 'moved', (core, at) => {
          world.reference.moveHeard(start, assignment);
          core.postponed(at, partition, postponed);
        });
      }
    });
  }

  #write(effect: EffectOf<'write'>): void {
    const { world } = this.#worker;
    const { partition, write } = effect;
    const { epoch } = partition;
    this.#request(() => {
      if (world.fault(REFUSED)) {
        this.#failed(effect);
        return;
      }
      if (!isForgotten(world, write)) world.appendEntry(entryOf(partition, epoch, write));
      if (world.fault(UNHEARD)) {
        this.#failed(effect);
        return;
      }
      this.#answer(partition, 'written', (core, at) => {
        if (write.kind === 'progress' || write.kind === 'cleared') this.#acknowledged(partition, write);
        core.written(at, partition, write);
      });
    });
  }

  #acknowledged(
    partition: PartitionState,
    write: Extract<JournalWrite, { kind: 'progress' | 'cleared' }>,
  ): void {
    const { parked } = write;
    const done = write.kind === 'progress' ? write.done : write.upTo;
    this.#worker.world.reference.progressed(
      partition.partition,
      { parked, done },
      { process: this.#worker, state: partition },
    );
  }

  #read(effect: EffectOf<'read-parked'>): void {
    const { world } = this.#worker;
    const { partition, wants } = effect;
    this.#request(() => {
      if (world.fault(REFUSED)) {
        this.#failed(effect);
        return;
      }
      // A job may end before it has all that it was asked for.
      const some = wants.map((want) => ({ ...want, count: Math.min(want.count, 1 + world.random.below(4)) }));
      // A leader that was replaced tells what it knew. Most redrives come to their end after healing: then, too.
      const isStale = world.scenario.faults && world.random.chance(STALE_END);
      const end = isStale ? world.random.below(world.parked.end + 1) : world.parked.end;
      const upTo = (to: number): readonly ParkedFound[] =>
        some.map((want) => world.parked.read(partition.partition, want, to));
      let found = upTo(end);
      if (world.scenario.mutant !== 'parked-end-as-told' && found.some(({ atEnd }) => atEnd)) {
        world.parked.appendEnd();
        found = upTo(world.parked.end);
      }
      const brought = mutateFound(world, found);
      this.#answer(partition, 'parked read', (core, at) => core.parkedRead(at, partition, brought));
    });
  }

  #failed(effect: PartitionEffect): void {
    const event = failureEvents[effect.kind];
    this.#answer(effect.partition, event, (core, at) => core.effectFailed(at, effect));
  }

  #answer(
    partition: PartitionState,
    event: SimulatedEvent,
    tell: Parameters<SimulatedWorker['tell']>[0],
  ): void {
    this.#worker.later(() => {
      this.#worker.world.note(
        partition.partition,
        partition.phase === 'gone' ? 'late parking answer' : event,
      );
      this.#worker.tell(tell);
    });
  }
}

const failureEvents = {
  mark: 'mark failed',
  copy: 'copy failed',
  write: 'write failed',
  'read-parked': 'parked read failed',
  postpone: 'move failed',
} as const satisfies Record<PartitionEffect['kind'], SimulatedEvent>;

function entryOf({ partition }: PartitionState, epoch: number, write: JournalWrite): JournalEntry {
  const place = { group: 'g', partition, epoch };
  switch (write.kind) {
    case 'progress':
      return { kind: 'progress', ...place, mark: write.parked.mark, done: write.done };
    case 'cleared': {
      const { parked, how, upTo, command } = write;
      return { kind: 'cleared', ...place, mark: parked.mark, how, upTo, command };
    }
    case 'done':
      return { kind: 'done', ...place, command: write.command, outcome: write.outcome };
    case 'truncated':
      return { kind: 'truncated', ...place, from: write.from, to: write.to };
  }
}
