import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import type { RecordHeader } from '../kafka/port.ts';
import { isReservedName, MAX_FIELD_BYTES, MAX_USER_HEADER_BYTES } from './header-names.ts';

/** What a caller may say about a task besides its payload. */
export interface EnqueueFields {
  readonly id: string;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly idempotencyKey?: string | undefined;
}

/** @throws OptionsError listing what is not allowed. */
export function checkFields(task: EnqueueFields): void {
  const problems: OptionProblem[] = [];
  checkField('id', task.id, problems);
  if (task.idempotencyKey !== undefined) checkField('idempotencyKey', task.idempotencyKey, problems);
  if (task.headers !== undefined) checkHeaders(task.headers, problems);
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
