import { KeylaneError } from './keylane-error.ts';
import { nearName } from './near-name.ts';

/** One thing that a schema found wrong. */
export interface PayloadIssue {
  /** Where in the payload: `events[3].at`; empty for the payload itself. */
  readonly path: string;
  readonly message: string;
}

/** `enqueue` was called with a name that is not in the queue's task map. Nothing was sent. */
export class TaskTypeUnknownError extends KeylaneError {
  readonly type: string;
  readonly knownTypes: readonly string[];
  /** The type that was probably meant. */
  readonly suggestion: string | undefined;

  constructor(type: string, knownTypes: readonly string[], renamedTo?: string) {
    const suggestion = renamedTo ?? nearName(type, knownTypes);
    super(
      'TASK_TYPE_UNKNOWN',
      `'${type}' is not a task type of this queue. ${cure(knownTypes, suggestion, renamedTo)}`,
    );
    this.type = type;
    this.knownTypes = knownTypes;
    this.suggestion = suggestion;
  }
}

function cure(
  known: readonly string[],
  suggestion: string | undefined,
  renamedTo: string | undefined,
): string {
  if (renamedTo !== undefined) return `It is an alias for recorded tasks: enqueue '${renamedTo}'.`;
  if (suggestion !== undefined) return `Did you mean '${suggestion}'?`;
  const shown = known.slice(0, 10).map((name) => `'${name}'`);
  const more = known.length > shown.length ? ` and ${known.length - shown.length} more` : '';
  return known.length === 0 ? 'The task map is empty.' : `Its task types: ${shown.join(', ')}${more}.`;
}

/**
 * A payload that its schema refuses: on `enqueue` nothing was sent; in a worker the recorded payload (after the upcasts)
 * does not fit today's schema.
 */
export class PayloadInvalidError extends KeylaneError {
  readonly type: string;
  /** Everything the schema found. */
  readonly issues: readonly PayloadIssue[];

  constructor(
    where: { readonly type: string; readonly recordedVersion?: number },
    issues: readonly PayloadIssue[],
    cause?: unknown,
  ) {
    const what =
      where.recordedVersion === undefined
        ? `The payload of '${where.type}' does not fit its schema; nothing was sent`
        : `A recorded payload of '${where.type}' (version ${where.recordedVersion}) does not fit the schema of today. ` +
          'Widen the schema, or raise the version and add an upcast';
    super('PAYLOAD_INVALID', `${what}:\n${list(issues)}`, cause === undefined ? undefined : { cause });
    this.type = where.type;
    this.issues = issues;
  }
}

/** More would drown a log; `issues` has them all. */
const SHOWN_ISSUES = 20;

function list(issues: readonly PayloadIssue[]): string {
  const lines = issues
    .slice(0, SHOWN_ISSUES)
    .map((issue) => `  ${issue.path === '' ? '(payload)' : issue.path}: ${issue.message}`);
  if (issues.length > SHOWN_ISSUES) lines.push(`  and ${issues.length - SHOWN_ISSUES} more`);
  return lines.join('\n');
}

/** A payload that cannot be written as JSON (a BigInt, a cycle, undefined, a function). Nothing was sent. */
export class PayloadNotSerializableError extends KeylaneError {
  readonly type: string;
  /** Where the offending value sits; empty for the payload itself or when it was not found. */
  readonly path: string;

  constructor(type: string, found: { readonly path: string; readonly what: string }, cause?: unknown) {
    const at = found.path === '' ? '' : ` at ${found.path}`;
    super(
      'PAYLOAD_NOT_SERIALIZABLE',
      `The payload of '${type}' cannot be written as JSON: ${found.what}${at}. Nothing was sent. Pass plain data (big integers as strings).`,
      cause === undefined ? undefined : { cause },
    );
    this.type = type;
    this.path = found.path;
  }
}

/** The `key` function of a task type threw, or gave something that cannot be a key. Nothing was sent. */
export class KeyInvalidError extends KeylaneError {
  readonly type: string;

  constructor(type: string, problem: string, cause?: unknown) {
    super(
      'KEY_INVALID',
      `The key of a '${type}' task ${problem}. Nothing was sent. A key is a non-empty string of at most ${MAX_KEY_BYTES} bytes.`,
      cause === undefined ? undefined : { cause },
    );
    this.type = type;
  }
}

/**
 * Longest key, in UTF-8 bytes. A key is an identifier; it is repeated in every record and kept in memory for each task
 * that waits.
 */
export const MAX_KEY_BYTES = 1_024;

/** A task has more than may be: a payload, a body of a `bytes` type, or a record for an outbox. Nothing was enqueued. */
export class TaskTooLargeError extends KeylaneError {
  readonly type: string;
  readonly sizeBytes: number;
  readonly limitBytes: number;

  constructor(size: {
    readonly type: string;
    readonly sizeBytes: number;
    readonly limitBytes: number;
    readonly what: string;
    /** Default: to put what is large into a body. */
    readonly cure?: string;
  }) {
    const cure =
      size.cure ??
      "Put what is large into the task's body: define the type with body: 'stream' and enqueue(type, payload, { body }).";
    super(
      'TASK_TOO_LARGE',
      `The '${size.type}' task is too large: ${size.what} ${size.sizeBytes} bytes, the limit is ${size.limitBytes}. ` +
        `It was not enqueued. ${cure}`,
    );
    this.type = size.type;
    this.sizeBytes = size.sizeBytes;
    this.limitBytes = size.limitBytes;
  }
}

/** A task that a newer release wrote. Not a failure: the worker holds its key until it is deployed too. */
export class TaskVersionNewerError extends KeylaneError {
  readonly type: string;
  readonly version: number;
  readonly knownVersion: number;

  constructor(type: string, version: number, knownVersion: number) {
    super(
      'TASK_VERSION_NEWER',
      `A '${type}' task has version ${version}; this process knows up to ${knownVersion}. Deploy the release that defines it.`,
    );
    this.type = type;
    this.version = version;
    this.knownVersion = knownVersion;
  }
}

/** An `upcast` step threw. */
export class UpcastFailedError extends KeylaneError {
  readonly type: string;
  /** The version that the step starts from. */
  readonly fromVersion: number;

  constructor(type: string, fromVersion: number, cause: unknown) {
    super(
      'UPCAST_FAILED',
      `The upcast of '${type}' from version ${fromVersion} to ${fromVersion + 1} threw. Make it take every payload that version ever had.`,
      { cause },
    );
    this.type = type;
    this.fromVersion = fromVersion;
  }
}

/** A record that is not a keylane task, or is a damaged one. */
export class RecordUndecodableError extends KeylaneError {
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
      'RECORD_UNDECODABLE',
      `The record at ${at.topic}/${at.partition}/${at.offset} cannot be read: ${reason}.`,
      cause === undefined ? undefined : { cause },
    );
    this.topic = at.topic;
    this.partition = at.partition;
    this.offset = at.offset;
    this.reason = reason;
  }
}
