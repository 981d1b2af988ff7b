import { KeylaneError } from '../errors/keylane-error.ts';

type Lz4 = typeof import('lz4-napi');

let loading: Promise<Lz4> | undefined;

/**
 * lz4-napi, loaded with the first frame: importing keylane loads no native code. What comes from a record is
 * measured before any of its functions sees it: those for blocks allocate the length that their input declares, and a few
 * hostile bytes make them take the process down.
 */
export function loadLz4(): Promise<Lz4> {
  loading ??= import('lz4-napi').catch((cause: unknown) => {
    loading = undefined;
    throw new KeylaneError(
      'NATIVE_CLIENT_MISSING',
      'Could not load lz4-napi, which compresses large payloads. Reinstall the dependencies on this machine ' +
        '(its binaries are optional dependencies: do not omit them).',
      { cause },
    );
  });
  return loading;
}
