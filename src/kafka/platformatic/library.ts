/** The control-plane client, loaded with the first connection and not before. */
export type Library = typeof import('@platformatic/kafka');

export function loadLibrary(): Promise<Library> {
  return import('@platformatic/kafka');
}
