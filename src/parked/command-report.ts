import { KeylaneError } from '../errors/keylane-error.ts';
import type { RedriveLoopError } from '../errors/parked-errors.ts';
import type { MarkRef, ParkedMark } from './parked-mark.ts';

/**
 * How a command ended, as the worker that owns the partition wrote it down.
 *
 * - `redriven`, `discarded`: nothing of the mark is parked any more
 * - `gave-up`: a task of the redrive gave up again; it and those behind it stay parked
 * - `parked`, `already-parked`: of a key parked by hand
 * - `skipped`: the task will not run. `not-found`: it was finished before, or is not in the queue
 * - `unknown-mark`: what it was about had been ended by another command
 * - `accepted`: what was lost is passed over and the partition works. `not-enough`: more is lost than that, or the topic was
 *   recreated since; see the new `partition-halted`. `nothing-lost`: the partition is not halted, or
 *   goes on behind the loss already
 */
export type CommandOutcome =
  | 'redriven'
  | 'discarded'
  | 'gave-up'
  | 'parked'
  | 'already-parked'
  | 'skipped'
  | 'not-found'
  | 'unknown-mark'
  | 'accepted'
  | 'not-enough'
  | 'nothing-lost'
  // What a later version may write.
  | (string & Record<never, never>);

/** A command in the journal, for one mark. */
export interface SentCommand extends MarkRef {
  readonly id: string;
  readonly key: string;
  /** undefined: it has not ended, or nobody waited for it (`waitMs`). */
  readonly outcome: CommandOutcome | undefined;
}

/** A mark for which nothing was sent. */
export interface SkippedMark extends MarkRef {
  /**
   * - `not-parked`: nothing is parked under this name, or no longer
   * - `under-way`: an earlier command is about to end it
   * - `redrive-loop`: it failed too often; see `error`, and `force`
   * - `not-sent`: the sending ended before its turn came (a failure, `signal`, or the queue's close)
   * - `unconfirmed`: its command may or may not be in the journal; send it again
   */
  readonly reason: 'not-parked' | 'under-way' | 'redrive-loop' | 'not-sent' | 'unconfirmed';
  readonly error?: RedriveLoopError;
}

/** What a redrive or discard did, or would do. */
export interface CommandReport {
  /** What is to be redriven or discarded; with `dryRun` that is all that happens. */
  readonly selected: readonly ParkedMark[];
  readonly commands: readonly SentCommand[];
  readonly skipped: readonly SkippedMark[];
}

/** Kafka did not take all commands. `report` says which it took; those will be obeyed. */
export class CommandsFailedError extends KeylaneError {
  readonly report: CommandReport;

  constructor(report: CommandReport, cause: unknown) {
    const { commands, selected } = report;
    super(
      'COMMANDS_FAILED',
      `${commands.length} of ${selected.length} commands are in the journal, the others failed or were not tried. ` +
        'The report has both; repeat the call for the rest.',
      { cause },
    );
    this.report = report;
  }
}
