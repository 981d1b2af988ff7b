import type { PayloadIssue } from '../errors/task-errors.ts';
import type { SchemaIssue } from './standard-schema.ts';

/** A schema's issues with their paths as one would write them in code: `events[3].at`. */
export function payloadIssues(issues: readonly SchemaIssue[]): readonly PayloadIssue[] {
  return issues.map(({ path = [], message }) => ({
    path: writePath(path.map((step) => (typeof step === 'object' ? step.key : step))),
    message,
  }));
}

/** Writes a path of property names and array indexes. */
export function writePath(steps: readonly PropertyKey[]): string {
  let text = '';
  for (const step of steps) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (typeof step === 'string' && /^[A-Za-z_$][\w$]*$/.test(step))
      text += text === '' ? step : `.${step}`;
    else text += `[${typeof step === 'string' ? JSON.stringify(step) : String(step)}]`;
  }
  return text;
}
