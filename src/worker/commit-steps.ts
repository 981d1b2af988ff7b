import type { Membership, OffsetCommit } from '../kafka/port.ts';
import type { CommitItem, Effect } from './core/effects.ts';
import type { EngineLink } from './engine-link.ts';

interface CommitDeps {
  readonly topic: string;
  readonly membership: Pick<Membership, 'commit'>;
  /** The group acknowledged that everything below is finished. */
  readonly onCommitted: (partition: number, frontier: number) => void;
  readonly onAcknowledged: (item: CommitItem) => void;
}

/** Sends commits, and tells the core and whoever listens what became of them. */
export class CommitSteps {
  readonly #link: EngineLink;
  readonly #deps: CommitDeps;

  constructor(link: EngineLink, deps: CommitDeps) {
    this.#link = link;
    this.#deps = deps;
  }

  carryOut(effect: Extract<Effect, { readonly kind: 'commit' | 'committed' }>): void {
    if (effect.kind === 'commit') this.#commit(effect.items);
    else this.#committed(effect.item);
  }

  #commit(items: readonly CommitItem[]): void {
    const { core, events, tell, inBackground } = this.#link;
    const { topic, membership } = this.#deps;
    const offsets: OffsetCommit[] = items.map(({ partition, offset, metadata }) => ({
      topic,
      partition: partition.partition,
      offset,
      metadata,
    }));
    inBackground(
      membership.commit(offsets).then((outcomes) => {
        for (const { partition, failure } of outcomes) {
          if (failure !== undefined) events.emit('commit-failed', { partition, failure });
        }
        tell((at) => core.committed(at, items, outcomes));
      }),
    );
  }

  /** The group has taken this. */
  #committed(item: CommitItem): void {
    const { partition, offset, doneBelow, metadata } = item;
    this.#deps.onCommitted(partition.partition, offset);
    this.#deps.onAcknowledged(item);
    this.#link.events.emit('committed', {
      partition: partition.partition,
      offset: BigInt(offset),
      doneBelow: BigInt(doneBelow),
      metadata,
      epoch: BigInt(partition.epoch),
    });
  }
}
