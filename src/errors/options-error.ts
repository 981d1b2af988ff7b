import { KeylaneError } from './keylane-error.ts';

/** One thing wrong with an options object. */
export interface OptionProblem {
  /** Where, in the caller's words: `topic.partitions`. */
  readonly path: string;
  /** What the value must be. */
  readonly rule: string;
  /** What it is, printed. */
  readonly value: string;
  /** What to do. */
  readonly cure: string;
}

/** Options that are invalid or unknown. Lists every problem at once; nothing was started. */
export class OptionsError extends KeylaneError {
  readonly problems: readonly OptionProblem[];

  constructor(subject: string, problems: readonly OptionProblem[]) {
    const lines = problems.map((p) => `  ${p.path}: ${p.rule}; got ${p.value}. ${p.cure}`);
    super('OPTIONS_INVALID', `Invalid options for ${subject}:\n${lines.join('\n')}`);
    this.problems = problems;
  }
}
