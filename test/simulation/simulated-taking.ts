import { foldJournal } from '../../src/journal/journal.ts';
import type { CommitOutcome } from '../../src/kafka/port.ts';
import type { CommitItem, Effect } from '../../src/worker/core/effects.ts';
import type { TakingFinding } from '../../src/worker/core/judge-taking.ts';
import type { PartitionState } from '../../src/worker/core/partition-state.ts';
import { mutateLoss } from './loss-mutants.ts';
import { isNotSent, mutateFinding, mutateOutcomes } from './mutants.ts';
import type { SimulatedWorker } from './simulated-worker.ts';
import type { SimulatedEvent } from './transitions.ts';

type TakingEffect = Extract<Effect, { kind: 'claim' | 'inspect' | 'confirm' | 'commit' }>;

/** How often a request fails, and how often it succeeds and the answer is lost. */
const REFUSED = 0.08;
const UNHEARD = 0.08;

/** The journal and the group's offsets, as one process reaches them: each request takes two moments, there and back. */
export class SimulatedTaking {
  readonly #worker: SimulatedWorker;

  constructor(worker: SimulatedWorker) {
    this.#worker = worker;
  }

  carryOut(effect: TakingEffect): void {
    switch (effect.kind) {
      case 'claim':
        this.#claim(effect.partition);
        return;
      case 'inspect':
        this.#inspect(effect.partition);
        return;
      case 'confirm':
        this.#confirm(effect);
        return;
      case 'commit':
        this.#commit(effect.items);
    }
  }

  #claim(partition: PartitionState): void {
    const { world } = this.#worker;
    this.#worker.later(() => {
      const refused = world.fault(REFUSED);
      const epoch = refused ? -1 : this.#appendClaim(partition);
      if (refused || world.fault(UNHEARD)) {
        this.#failed(partition);
        return;
      }
      this.#answer(partition, 'claimed', () => {
        this.#worker.tell((core, at) => core.claimed(at, partition, epoch));
        const early = world.scenario.mutant === 'inspect-before-the-answer';
        if (early && this.#worker.core.state.inspectLater.has(partition)) this.#inspect(partition);
      });
    });
  }

  #appendClaim(partition: PartitionState): number {
    const { world } = this.#worker;
    const number = partition.partition;
    if (world.scenario.mutant === 'old-epoch') {
      const old = world.journal.find((entry) => entry.kind === 'claim' && entry.partition === number);
      if (old !== undefined) return old.offset;
    }
    world.reference.claimed(number, { process: this.#worker, state: partition });
    return world.appendEntry({ kind: 'claim', group: 'g', partition: number, by: 'sim' });
  }

  #inspect(partition: PartitionState): void {
    const { world } = this.#worker;
    // Brokers may take their time to answer: meanwhile a replaced owner that does not know it goes on.
    this.#worker.laterBy(world.fault(world.scenario.slowAnswers) ? world.random.below(60) : 0, () => {
      const finding = this.#look(partition);
      world.trace?.(`    finds ${partition.partition}: ${JSON.stringify(finding.committed)}`);
      if (world.fault(REFUSED)) {
        this.#failed(partition);
        return;
      }
      this.#answer(partition, 'inspected', () =>
        this.#worker.tell((core, at) => core.inspected(at, partition, finding)),
      );
    });
  }

  #look(partition: PartitionState): TakingFinding {
    const { world } = this.#worker;
    const number = partition.partition;
    this.#worker.followTo(partition.epoch);
    const finding: TakingFinding = {
      epoch: partition.epoch,
      committed: world.committed.get(number),
      history: foldJournal(world.history(number, partition.epoch)),
      lastWord: world.truth(number).lastWord,
      logStart: world.losses.startOf(number),
      logEnd: world.reference.log(number).length,
      leaderEnds: new Map(),
      topicId: 't',
      statePin: 's',
    };
    return mutateLoss(this.#worker, mutateFinding(this.#worker, finding));
  }

  #confirm({ partition, frontier, reason }: Extract<Effect, { kind: 'confirm' }>): void {
    const { world } = this.#worker;
    const { epoch, accepted } = partition;
    const number = partition.partition;
    if (reason === 'stopped') world.reference.released(number, { process: this.#worker, state: partition });
    this.#worker.later(() => {
      const refused = world.fault(REFUSED);
      if (!refused) {
        world.reference.confirmedInJournal(number, epoch);
        world.appendEntry({
          kind: 'confirm',
          group: 'g',
          partition: number,
          epoch,
          frontier,
          topicId: 't',
          reason,
          ...(reason === 'taken' && accepted !== undefined ? { accepted: accepted.commands } : {}),
        });
      }
      if (reason !== 'taken') return;
      const { newestConfirmedEpoch } = foldJournal(world.history(number, world.journal.length));
      if (refused || newestConfirmedEpoch !== epoch || world.fault(UNHEARD)) {
        this.#failed(partition);
        return;
      }
      this.#answer(partition, 'confirmed', () =>
        this.#worker.tell((core, at) => core.confirmed(at, partition)),
      );
    });
  }

  #failed(partition: PartitionState): void {
    this.#answer(partition, 'taking failed', () =>
      this.#worker.tell((core, at) => core.takingFailed(at, partition)),
    );
  }

  #answer(partition: PartitionState, event: SimulatedEvent, tell: () => void): void {
    this.#worker.later(() => {
      this.#worker.world.note(partition.partition, partition.phase === 'gone' ? 'late taking answer' : event);
      tell();
    });
  }

  #commit(items: readonly CommitItem[]): void {
    const worker = this.#worker;
    const { world } = worker;
    for (const { partition } of items) world.note(partition.partition, 'commit sent');
    if (isNotSent(worker, items)) {
      const heard = items.map(({ partition }) => ({
        topic: 'q',
        partition: partition.partition,
        failure: undefined,
      }));
      worker.later(() => worker.tell((core, at) => core.committed(at, items, heard)));
      return;
    }
    // Now and then the coordinator takes its time: then a partition may be lost and come back meanwhile.
    this.#send(items, world.fault(0.1) ? world.random.below(30) : 0);
  }

  #send(items: readonly CommitItem[], moments: number): void {
    const worker = this.#worker;
    const { world } = worker;
    worker.laterBy(moments, () => {
      // Who is cut off hears nothing, or its client keeps the request until it is a member again.
      if (!worker.known && world.fault(world.scenario.cutOff)) {
        for (const item of items) world.keep(item);
        if (world.fault(0.4)) this.#send(items, 4);
        else worker.later(() => this.#answered(items, unreachable(items)));
        return;
      }
      const outcomes = mutateOutcomes(worker, items, world.commit(worker, items));
      const answer = (): void => this.#answered(items, outcomes);
      worker.later(answer);
      if (world.scenario.mutant === 'ack-twice') worker.later(answer);
    });
  }

  #answered(items: readonly CommitItem[], outcomes: readonly CommitOutcome[]): void {
    const worker = this.#worker;
    for (const [i, { partition, offset, metadata }] of items.entries()) {
      const failure = outcomes[i]?.failure;
      worker.world.trace?.(`    answer ${partition.partition}@${offset}: ${failure?.kind ?? 'acknowledged'}`);
      worker.world.note(partition.partition, answerEvent(partition, failure?.kind));
      if (failure !== undefined) continue;
      const assignment = { process: worker, state: partition };
      worker.world.reference.acknowledged(partition.partition, { offset, metadata }, assignment);
    }
    worker.tell((core, at) => core.committed(at, items, outcomes));
  }
}

function answerEvent(partition: PartitionState, failure: string | undefined): SimulatedEvent {
  if (partition.phase === 'gone') return 'late commit answer';
  if (failure === undefined) return 'commit acked';
  if (failure === 'fenced') return 'commit fenced';
  return failure === 'unreachable' ? 'commit unheard' : 'commit refused';
}

function unreachable(items: readonly CommitItem[]): readonly CommitOutcome[] {
  const failure = { kind: 'unreachable', code: undefined, message: 'cut off' } as const;
  return items.map(({ partition }) => ({ topic: 'q', partition: partition.partition, failure }));
}
