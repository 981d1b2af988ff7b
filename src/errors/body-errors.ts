import { KeylaneError } from './keylane-error.ts';

/**
 * Parts of a large payload or body are gone from the log, or are not what was written. Trying again cannot help: the
 * task waits for an operator, whatever its handler makes of this error.
 */
export class PartsLostError extends KeylaneError {
  /** The topic and the partition that the parts were in; of an object its store and key, `s3:media/parts/...`, and its marker's partition. */
  readonly topic: string;
  readonly partition: number;
  /** Names the upload: it stands in the header `kl-upload` of its parts. */
  readonly upload: string;
  /** Offsets of the first and the last part, as they were when the task was enqueued. */
  readonly from: number;
  readonly to: number;
  /** The first part that is missing or damaged, counted from 0; of `parts`. */
  readonly part: number;
  readonly parts: number;
  /** The object that they were in, in place of a topic: `from` and `to` are bytes of it. */
  readonly object: { readonly store: string; readonly key: string } | undefined;
  /** What is wrong. */
  readonly reason: string;

  constructor(
    place: {
      readonly topic: string;
      readonly partition: number;
      readonly upload: string;
      readonly from: number;
      readonly to: number;
      readonly part: number;
      readonly parts: number;
      readonly object?: { readonly store: string; readonly key: string } | undefined;
    },
    reason: string,
    cause?: unknown,
  ) {
    const { topic, partition, upload, from, to, part, parts, object } = place;
    const where =
      object === undefined
        ? `${topic}/${partition}, offsets ${from} to ${to}`
        : `object ${object.key} of the store '${object.store}'`;
    super(
      'PARTS_LOST',
      `Part ${part + 1} of ${parts} of upload ${upload} cannot be had from ${where}: ` +
        `${reason}. The task waits in its key, or stays parked. If the parts can be had again, release or redrive the key; ` +
        'otherwise skip or discard the task.',
      cause === undefined ? undefined : { cause },
    );
    this.topic = topic;
    this.partition = partition;
    this.upload = upload;
    this.from = from;
    this.to = to;
    this.part = part;
    this.parts = parts;
    this.object = object;
    this.reason = reason;
  }
}

/** `ctx.body.bytes()` was asked for less than the body has. Nothing of it was read. */
export class BodyTooLargeError extends KeylaneError {
  readonly length: number;
  readonly maxBytes: number;

  constructor(length: number, maxBytes: number) {
    super(
      'BODY_TOO_LARGE',
      `The body has ${length} bytes and bytes() was to read at most ${maxBytes}. Raise maxBytes, or read the body as a stream.`,
    );
    this.length = length;
    this.maxBytes = maxBytes;
  }
}

/** A body was read after its handler had ended, or by `bytes()` when some of it had been read already. */
export class BodyUnreadableError extends KeylaneError {
  constructor(reason: string, options?: ErrorOptions) {
    super('BODY_UNREADABLE', `The body cannot be read: ${reason}.`, options);
  }
}
