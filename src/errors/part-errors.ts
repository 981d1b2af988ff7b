import { KeylaneError } from './keylane-error.ts';

/** A record of the parts topic whose content is not what was written. */
export class PartDamagedError extends KeylaneError {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** What is wrong with it. */
  readonly reason: string;

  constructor(
    at: { readonly topic: string; readonly partition: number; readonly offset: number },
    reason: string,
    cause?: unknown,
  ) {
    super(
      'PART_DAMAGED',
      `The part of a large task at ${at.topic}/${at.partition}/${at.offset} is damaged: ${reason}.`,
      cause === undefined ? undefined : { cause },
    );
    this.topic = at.topic;
    this.partition = at.partition;
    this.offset = at.offset;
    this.reason = reason;
  }
}
