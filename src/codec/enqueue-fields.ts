import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import type { RecordHeader } from '../kafka/port.ts';
import { MAX_ENCODING_CHARACTERS } from './codec-limits.ts';
import { isReservedName, MAX_FIELD_BYTES, MAX_USER_HEADER_BYTES } from './header-names.ts';
import type { BodyManifest } from './manifest.ts';
import { isContentEncoding } from './recorded-body.ts';

/** What a caller may say about a task besides its payload. */
export interface EnqueueFields {
  readonly id: string;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly notBeforeMs?: number | undefined;
  readonly payloadParts?: BodyManifest | undefined;
  /** Where its body is, or will be. */
  readonly body?: { readonly kind: string } | undefined;
  readonly contentEncoding?: string | undefined;
}

/** @throws OptionsError listing what is not allowed. */
export function checkFields(task: EnqueueFields): void {
  const problems: OptionProblem[] = [];
  checkField('id', task.id, problems);
  if (task.idempotencyKey !== undefined) checkField('idempotencyKey', task.idempotencyKey, problems);
  if (task.headers !== undefined) checkHeaders(task.headers, problems);
  if (task.contentEncoding !== undefined) checkEncoding(task.contentEncoding, task.body, problems);
  if (task.notBeforeMs !== undefined && isInParts(task)) problems.push(DELAYED_IN_PARTS);
  if (problems.length > 0) throw new OptionsError(`enqueue('${task.type}')`, problems);
}

/** Half a surrogate pair has no UTF-8 form. */
const notUtf8 = /\p{Surrogate}/u;
/** Names are shown in viewers and logs. */
const notAName = /[\p{Control}\p{Surrogate}]/u;

function checkField(path: string, value: unknown, problems: OptionProblem[]): void {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  if (typeof value === 'string' && bytes > 0 && bytes <= MAX_FIELD_BYTES && !notAName.test(value)) return;
  problems.push({
    path,
    rule: `must be a string of 1 to ${MAX_FIELD_BYTES} bytes without control characters`,
    value: show(value),
    cure: 'Leave it out for the default.',
  });
}

function checkEncoding(value: unknown, body: EnqueueFields['body'], problems: OptionProblem[]): void {
  const path = 'contentEncoding';
  if (!isContentEncoding(value)) {
    problems.push({
      path,
      rule: `must name a content coding as HTTP does, in at most ${MAX_ENCODING_CHARACTERS} characters`,
      value: show(value),
      cure: "Use 'gzip', 'br' or 'zstd', or leave it out.",
    });
  } else if (body === undefined) {
    const cure = 'Leave it out: it says how a body was compressed.';
    problems.push({ path, rule: 'must not be given without a body', value: show(value), cure });
  }
}

function isInParts({ payloadParts, body }: EnqueueFields): boolean {
  return payloadParts !== undefined || body?.kind === 'parts';
}

/** A delayed record moves on in its log, where its parts cannot follow: they would be too old, and void. */
const DELAYED_IN_PARTS: OptionProblem = {
  path: 'delayMs',
  rule: 'must not be given for a task that does not fit one record',
  value: 'a delay',
  cure: 'Enqueue it without a delay, or when it is due.',
};

function checkHeaders(headers: unknown, problems: OptionProblem[]): void {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    problems.push({
      path: 'headers',
      rule: 'must be an object of strings',
      value: show(headers),
      cure: "Pass headers: { tenant: 'a' }.",
    });
    return;
  }
  let bytes = 0;
  for (const [name, value] of Object.entries(headers) as [string, unknown][]) {
    const problem = headerProblem(name, value);
    if (problem !== undefined) problems.push({ path: `headers.${name}`, ...problem });
    else bytes += Buffer.byteLength(name) + Buffer.byteLength(String(value));
  }
  if (bytes <= MAX_USER_HEADER_BYTES) return;
  problems.push({
    path: 'headers',
    rule: `must have at most ${MAX_USER_HEADER_BYTES} bytes in all, names and values`,
    value: `${bytes} bytes`,
    cure: 'Put large things into the payload.',
  });
}

function headerProblem(name: string, value: unknown): Omit<OptionProblem, 'path'> | undefined {
  if (name === '' || notAName.test(name)) {
    return {
      rule: 'must have a name without control characters',
      value: show(name),
      cure: 'Rename the header.',
    };
  }
  if (isReservedName(name)) {
    return {
      rule: 'must not use a name of keylane (kl-..., traceparent, tracestate)',
      value: show(value),
      cure: 'Rename the header; the trace context is taken from OpenTelemetry by itself.',
    };
  }
  if (typeof value !== 'string') {
    return {
      rule: 'must be a string',
      value: show(value),
      cure: 'Convert it with String(...), or leave the header out.',
    };
  }
  if (notUtf8.test(value)) {
    return {
      rule: 'must be well-formed text',
      value: show(value),
      cure: 'It contains half a surrogate pair.',
    };
  }
  return undefined;
}

function show(value: unknown): string {
  if (typeof value !== 'string')
    return value === null || value === undefined ? 'nothing' : `a value of type ${typeof value}`;
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}...` : value);
}

/** An empty Buffer has no memory behind it, and the client would send it as null; an empty part of another one has. */
const EMPTY = Buffer.from([0]).subarray(0, 0);

/** Headers that were checked, in their order. */
export function userHeaders(headers: Readonly<Record<string, string>>): RecordHeader[] {
  return Object.entries(headers).map(([name, value]) => [name, value === '' ? EMPTY : Buffer.from(value)]);
}
