import { isKeylaneError } from 'keylane';

/** Something the person at the keyboard can put right; its message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** An ordinary problem in one or a few plain lines; only what nobody foresaw comes with its stack. */
export function failureText(error: unknown): string {
  if (error instanceof UsageError) return error.message;
  if (isKeylaneError(error)) return `${error.message}\n(${error.code})`;
  if (error instanceof Error && 'code' in error) {
    if (error.code === 'EACCES' || error.code === 'ENOSPC' || error.code === 'EROFS')
      return `Storage: ${error.message}`;
  }
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
