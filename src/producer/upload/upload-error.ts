/** Why the body of a task could not be uploaded. The task is surely absent, whatever became of single parts. */
export type UploadFailure =
  /** The source failed, or there is nothing to be had from it. */
  | { readonly kind: 'source-failed'; readonly readBytes: number; readonly cause: unknown }
  /** The source gave something that is no bytes; `found` names it. */
  | { readonly kind: 'not-bytes'; readonly found: string }
  | { readonly kind: 'too-large'; readonly sizeBytes: number; readonly limitBytes: number }
  /** A part is not, or not surely, in the log. */
  | { readonly kind: 'append-failed'; readonly cause: unknown }
  /** By the brokers' clock, a manifest written now would be void. */
  | { readonly kind: 'too-late' }
  | { readonly kind: 'aborted'; readonly reason: unknown };

/** What an upload rejects with. The producer knows the task and makes of it what the caller gets. */
export class UploadError extends Error {
  readonly failure: UploadFailure;

  constructor(failure: UploadFailure) {
    super(`upload: ${failure.kind}`);
    this.name = 'UploadError';
    this.failure = failure;
  }
}
