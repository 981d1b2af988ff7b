import type { StoreFailureReason } from '../errors/store-errors.ts';

/** Node's name of what went wrong with a file: `ENOENT`. */
export function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** There is nothing under that path. */
export function isNothingThere(error: unknown): boolean {
  const code = codeOf(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** What an error means in a store that is there. */
export function reasonOf(error: unknown): StoreFailureReason {
  if (isNothingThere(error)) return 'missing';
  const code = codeOf(error);
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS' ? 'denied' : 'failed';
}

const unsupported: ReadonlySet<unknown> = new Set([
  'EINVAL',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EISDIR',
  'EPERM',
]);

/** There is no such thing on this file system, as against a disk that has failed: names are as durable as it makes them. */
export function cannotSync(error: unknown): boolean {
  return unsupported.has(codeOf(error));
}
