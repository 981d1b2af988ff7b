import { isKeylaneError, KeylaneError } from './keylane-error.ts';

/**
 * To be thrown by a codec's `decode` whose key for these bytes is not here. Nothing is lost: the ordering key is held
 * until a worker has the key. Any other error of `decode` says that the bytes are not what was written.
 */
export class CodecKeyMissingError extends KeylaneError {
  /** Names the missing key. Never the key itself: it is logged. */
  readonly keyId: string;

  constructor(keyId: string, options?: { readonly cause?: unknown }) {
    super(
      'CODEC_KEY_MISSING',
      `The key ${JSON.stringify(keyId.slice(0, 200))} is not here. The task waits in its ordering key, or stays parked. ` +
        'Give the codec that key again and release or redrive the ordering key; if it is gone for good, skip or discard the task.',
      options,
    );
    this.keyId = keyId;
  }
}

/** A task was written with a codec that this process does not have. Not a failure of the task: its ordering key is held. */
export class CodecMissingError extends KeylaneError {
  /** The codec's name. */
  readonly codec: string;

  constructor(codec: string) {
    super(
      'CODEC_MISSING',
      `The task was written with the codec '${codec}', which this queue does not have. Add it to the queue's codecs: [...].`,
    );
    this.codec = codec;
  }
}

/** The queue's codec threw, or gave something that cannot be sent. Nothing was enqueued. */
export class CodecFailedError extends KeylaneError {
  /** The codec's name. */
  readonly codec: string;

  constructor(codec: string, reason: string, cause?: unknown) {
    super(
      'CODEC_FAILED',
      `The codec '${codec}' ${reason}. The task was not enqueued.`,
      cause === undefined ? undefined : { cause },
    );
    this.codec = codec;
  }
}

/** The task is whole and cannot be read here: its codec, or a key of it, is missing. */
export function isCodecMissing(error: unknown): boolean {
  return isKeylaneError(error) && (error.code === 'CODEC_MISSING' || error.code === 'CODEC_KEY_MISSING');
}
