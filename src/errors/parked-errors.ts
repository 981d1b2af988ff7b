import { KeylaneError } from './keylane-error.ts';

/** Where something is parked. */
export interface MarkPlace {
  readonly partition: number;
  readonly mark: number;
}

/** Redrives of a parked key have failed so often that another one has to be forced. Nothing was sent for it. */
export class RedriveLoopError extends KeylaneError {
  readonly partition: number;
  readonly mark: number;
  readonly key: string;
  /** Redrives that ended with a task giving up again. */
  readonly redrives: number;

  constructor({ partition, mark }: MarkPlace, key: string, redrives: number) {
    super(
      'REDRIVE_LOOP',
      `Key '${key}' (partition ${partition}, mark ${mark}) was redriven ${redrives} times, and gave up each time. ` +
        'Find out why (parked.show), then discard its tasks, or redrive with force: true.',
    );
    this.partition = partition;
    this.mark = mark;
    this.key = key;
    this.redrives = redrives;
  }
}

/** Nothing is parked under this name, or no longer. */
export class NotParkedError extends KeylaneError {
  readonly group: string;

  constructor(what: string, group: string) {
    super('NOT_PARKED', `${what} is not parked in group '${group}'. See parked.list() for what is.`);
    this.group = group;
  }
}

/** Records of the parked topic were deleted from where a mark begins, or it was made anew: some of its tasks may be gone. */
export class ParkedTasksLostError extends KeylaneError {
  readonly topic: string;
  readonly partition: number;
  /** The first offset that is left, in the parked topic. */
  readonly logStart: number;

  constructor(topic: string, partition: number, logStart: number, wasRemade: boolean) {
    const what = wasRemade
      ? `'${topic}', partition ${partition}, is not the log that these tasks were parked in: the topic was made anew, or has ` +
        'lost its end. Some of them may be gone. A redrive will hold the key; released, it runs what is left.'
      : `Records below offset ${logStart} of '${topic}', partition ${partition}, were deleted: some of these parked tasks ` +
        'may be gone. A redrive will hold the key.';
    super('PARKED_TASKS_LOST', `${what} Find out who deletes records there; nothing but keylane may.`);
    this.topic = topic;
    this.partition = partition;
    this.logStart = logStart;
  }
}

/** A topic brought nothing for 30 s although there is more in it, or cannot be read at all (see `cause`). */
export class TopicUnreadableError extends KeylaneError {
  readonly topic: string;

  constructor(topic: string, at: string, options?: ErrorOptions) {
    const why = options?.cause instanceof Error ? `: ${options.cause.message}` : '';
    super(
      'TOPIC_UNREADABLE',
      `Topic '${topic}' could not be read on from ${at}${why}. Look at the brokers, then ask again.`,
      options,
    );
    this.topic = topic;
  }
}

/** A loss cannot be accepted as it was asked: nothing was sent. */
export class LossRefusedError extends KeylaneError {
  /** `no-partition`: the queue has no such partition. `beyond-the-log`: nothing can be lost that far on. */
  readonly reason: 'no-partition' | 'beyond-the-log';
  readonly partition: number;
  readonly below: bigint;

  constructor(
    queue: string,
    about: { readonly partition: number; readonly below: bigint },
    known: { readonly partitions: number } | { readonly end: number },
  ) {
    const { partition, below } = about;
    super(
      'LOSS_REFUSED',
      'end' in known
        ? `Partition ${partition} of '${queue}' has no offsets below ${below}: it goes up to ${known.end}. Pass the \`to\` ` +
            'of its partition-halted event.'
        : `Queue '${queue}' has no partition ${partition}: its partitions are 0 to ${known.partitions - 1}.`,
    );
    this.reason = 'end' in known ? 'beyond-the-log' : 'no-partition';
    this.partition = partition;
    this.below = below;
  }
}

/** The queue was closed before, or while, this was asked of it. */
export class QueueClosedError extends KeylaneError {
  constructor(queue: string) {
    super('QUEUE_CLOSED', `The queue '${queue}' is closed. Make a new TaskQueue.`);
  }
}
