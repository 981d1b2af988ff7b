import { writePath } from '../errors/payload-path.ts';
import type { PayloadIssue } from '../errors/task-errors.ts';
import type { SchemaIssue } from './standard-schema.ts';

/** A schema's issues with their paths as one would write them in code: `events[3].at`. */
export function payloadIssues(issues: readonly SchemaIssue[]): readonly PayloadIssue[] {
  return issues.map(({ path = [], message }) => ({
    path: writePath(path.map((step) => (typeof step === 'object' ? step.key : step))),
    message,
  }));
}
