import { isKeylaneError, KeylaneError } from './keylane-error.ts';

/**
 * - `missing`: there is no such object
 * - `unreachable`: the store itself is not there: a folder that is not mounted, a bucket that does not exist
 * - `denied`: the store refuses its user
 * - `failed`: anything else; it may pass
 */
export type StoreFailureReason = 'missing' | 'unreachable' | 'denied' | 'failed';

/** A payload store could not do what it was asked for. Throw it in stores of your own, too. */
export class PayloadStoreError extends KeylaneError {
  /** The store's name. */
  readonly store: string;
  /** The object's key, or what the keys begin with. */
  readonly key: string;
  readonly reason: StoreFailureReason;

  constructor(
    what: { readonly store: string; readonly key: string; readonly reason: StoreFailureReason },
    doing: string,
    cause?: unknown,
  ) {
    const { store, key, reason } = what;
    const why = cause instanceof Error ? `: ${cause.message || cause.name}` : '';
    const said = {
      missing: 'there is no such object',
      unreachable: 'the store itself is not there',
      denied: 'it was refused; see what the store must allow in docs/large-tasks.md',
      failed: 'it failed',
    }[reason];
    super(
      'PAYLOAD_STORE_FAILED',
      `The payload store '${store}' could not ${doing} ${key}: ${said}${why}.`,
      cause === undefined ? undefined : { cause },
    );
    this.store = store;
    this.key = key;
    this.reason = reason;
  }
}

/** A task's payload or body is in a store that this process does not have. Not a failure of the task: its key is held. */
export class StoreMissingError extends KeylaneError {
  /** The store's name. */
  readonly store: string;

  constructor(store: string) {
    super(
      'STORE_MISSING',
      `The task's payload or body is in the payload store '${store}', which this queue does not have. ` +
        'Give the queue that store: payloadStore or payloadStores: [...].',
    );
    this.store = store;
  }
}

export function isStoreError(error: unknown, reason?: StoreFailureReason): error is PayloadStoreError {
  if (!isKeylaneError(error) || error.code !== 'PAYLOAD_STORE_FAILED') return false;
  return reason === undefined || ('reason' in error && error.reason === reason);
}

export function isStoreMissing(error: unknown): boolean {
  return isKeylaneError(error) && error.code === 'STORE_MISSING';
}
