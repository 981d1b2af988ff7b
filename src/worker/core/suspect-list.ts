import type { Run } from './effects.ts';
import type { Lane } from './lane.ts';
import type { PartitionState } from './partition-state.ts';

/** How long others are held back for one that is to run alone, while something does not end; then they go on a while. */
export const QUIET_PATIENCE_MS = 30_000;

/**
 * - `quieting`: it is to run alone, and waits until nothing else of the process runs
 * - `writing`: its start is being committed
 * - `admitted`: the commit is acknowledged, it may start
 * - `running`
 * - `clearing`: it ran alone and has ended; nothing else starts before a commit says so, or the next crash would be its
 */
export type SuspectStage = 'quieting' | 'writing' | 'admitted' | 'running' | 'clearing';

/** A suspect on its way through. */
export interface Suspect {
  readonly partition: PartitionState;
  readonly lane: Lane;
  readonly alone: boolean;
  stage: SuspectStage;
  /** The changes that a commit must cover before it goes on. */
  changes: number;
  run: Run | undefined;
  readonly sinceMs: number;
}

/** The suspects of a worker. */
export class Suspects {
  readonly underWay = new Map<Lane, Suspect>();
  /** Lanes whose first task is a suspect, in turn; those that are to run alone apart. */
  readonly waiting = new Map<Lane, PartitionState>();
  readonly waitingAlone = new Map<Lane, PartitionState>();
  /** Nothing asks for the process before, and how long the next pause is. */
  notAloneBeforeMs = 0;
  pauseMs = QUIET_PATIENCE_MS;

  /** There are none. */
  get idle(): boolean {
    return this.underWay.size + this.waiting.size + this.waitingAlone.size === 0;
  }
}

/** What an owner took over from the one before it. */
export interface Inheritance {
  readonly epoch: number;
  /** Unfinished tasks below were suspects. */
  readonly suspectBelow: number;
  /** By offset: how often suspects had been started. */
  readonly starts: ReadonlyMap<number, number>;
}
