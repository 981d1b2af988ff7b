import type { Effect } from './core/effects.ts';
import type { PartitionState, Reading } from './core/partition-state.ts';
import { type EngineLink, emitProblem } from './engine-link.ts';
import type { PartitionIo } from './partition-io.ts';
import { LogCheck } from './reading/log-check.ts';
import type { SweepFeed } from './reading/sweep-feed.ts';
import type { TailFeed } from './reading/tail-feed.ts';
import { Watchdog } from './reading/watchdog.ts';

/** What is to be read, or not, of one partition. Beginning and ending the tail are ordered for several at once. */
type ReadingEffect = Extract<
  Effect,
  { readonly kind: 'pause' | 'resume' | 'sweep' | 'stop-sweep' | 'check-gap' | 'look' }
>;

interface ReadingDeps {
  readonly io: Pick<PartitionIo, 'logEnds' | 'look'>;
  readonly tail: TailFeed;
  readonly sweeps: SweepFeed;
}

/** Gives the readers their orders, and tells the core when records do not come. */
export class ReadingSteps {
  readonly #link: EngineLink;
  readonly #deps: ReadingDeps;
  readonly #watchdog: Watchdog;
  readonly #logs: LogCheck;

  constructor(link: EngineLink, deps: ReadingDeps, nowMs: number) {
    this.#link = link;
    this.#deps = deps;
    const { core, tell } = link;
    this.#watchdog = new Watchdog(
      {
        partitions: () => core.state.partitions.values(),
        sweeps: deps.sweeps,
        isReading: () => core.isReading(),
        logEnds: (partitions) => deps.io.logEnds(partitions),
        onTailStalled: (partition, logStart) => this.#onTailStalled(partition, logStart),
        onSweepStalled: (partition, logStart) => tell((at) => core.sweepStalled(at, partition, logStart)),
      },
      nowMs,
    );
    this.#logs = new LogCheck(
      {
        partitions: () => core.state.partitions.values(),
        look: (partitions) => deps.io.look(partitions),
        onSeen: (partition, log) => tell((at) => core.logSeen(at, partition, log)),
      },
      nowMs,
    );
  }

  /** There may be room for more records now. */
  poke(): void {
    this.#deps.tail.poke();
  }

  /** Once in a while: do records come where the log has some? */
  watch(nowMs: number): void {
    if (this.#watchdog.isDue(nowMs)) this.#link.inBackground(this.#watchdog.look(nowMs));
    if (this.#logs.isDue(nowMs)) this.#link.inBackground(this.#logs.look(nowMs));
  }

  /** The reader of the tail has met something. */
  onReaderProblem(): void {
    this.#logs.want();
  }

  stop(partitions: readonly PartitionState[]): void {
    if (partitions.length > 0) this.#quietly(this.#deps.tail.stop(partitions));
  }

  read(readings: readonly Reading[]): void {
    const wanted = readings.filter(({ partition }) => partition.phase === 'running');
    if (wanted.length > 0) this.#quietly(this.#deps.tail.read(wanted));
  }

  carryOut(effect: ReadingEffect): void {
    const { tail, sweeps } = this.#deps;
    switch (effect.kind) {
      case 'pause':
        this.#quietly(tail.pause(effect.partition));
        return;
      case 'resume':
        this.#quietly(tail.resume(effect.partition));
        return;
      case 'sweep':
        this.#quietly(sweeps.sweep(effect.reading));
        return;
      case 'stop-sweep':
        this.#quietly(sweeps.stop(effect.partition));
        return;
      case 'check-gap':
        this.#checkGap(effect);
        return;
      case 'look':
        this.#logs.wantNow();
    }
  }

  #checkGap({ partition, of, found }: Extract<Effect, { kind: 'check-gap' }>): void {
    const { core, tell, inBackground } = this.#link;
    inBackground(
      this.#deps.io.logEnds([partition]).then(
        ([ends]) => {
          if (ends === undefined) return;
          const log = { start: ends.start, found };
          tell((at) =>
            of === 'tail' ? core.gapChecked(at, partition, log) : core.sweepGapChecked(at, partition, log),
          );
        },
        () => {}, // the watchdog asks again
      ),
    );
  }

  #onTailStalled(partition: PartitionState, logStart: number): void {
    const { core, events, tell } = this.#link;
    events.emit('reading-restarted', {
      partition: partition.partition,
      offset: BigInt(partition.nextOffset),
    });
    tell((at) => core.tailStalled(at, partition, logStart));
  }

  /** Orders to a reader fail only when it was closed, or could not be opened: then the watchdog tries again. */
  #quietly(work: Promise<void>): void {
    const { events, inBackground } = this.#link;
    inBackground(work.catch((error: unknown) => emitProblem(events, error)));
  }
}
