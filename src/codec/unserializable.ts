import { writePath } from '../errors/payload-path.ts';

/** Looking further would take longer than an error message is worth. */
const MAX_VISITED = 100_000;

/** Finds what JSON.stringify stumbled over, for the error message. */
export function findUnserializable(payload: unknown): { readonly path: string; readonly what: string } {
  if (payload === undefined || typeof payload === 'function' || typeof payload === 'symbol') {
    return { path: '', what: payload === undefined ? 'it is undefined' : `it is a ${typeof payload}` };
  }
  let visited = 0;
  const open = new Set<object>();
  const search = (
    value: unknown,
    path: readonly PropertyKey[],
  ): { path: string; what: string } | undefined => {
    if (typeof value === 'bigint') return { path: writePath(path), what: 'a BigInt' };
    if (typeof value !== 'object' || value === null) return undefined;
    if (open.has(value)) return { path: writePath(path), what: 'a cycle' };
    visited += 1;
    if (visited > MAX_VISITED || path.length > 1_000) return undefined;
    open.add(value);
    for (const [name, inner] of Object.entries(value) as [string, unknown][]) {
      const found = search(inner, [...path, Array.isArray(value) ? Number(name) : name]);
      if (found !== undefined) return found;
    }
    open.delete(value);
    return undefined;
  };
  return search(payload, []) ?? { path: '', what: 'JSON.stringify threw (see cause)' };
}
