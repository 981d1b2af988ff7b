import { type DecodedMetadata, decodeMetadata } from '../../src/worker/core/commit-metadata.ts';

/** A commit as the brokers keep it. */
export interface Commit {
  readonly offset: number;
  readonly metadata: string;
}

const MOST = 200;
const known = new Map<string, DecodedMetadata>();

/** What its metadata says; the same commit is looked at by many. */
export function readCommit({ offset, metadata }: Commit): DecodedMetadata {
  const name = `${offset} ${metadata}`;
  let read = known.get(name);
  if (read === undefined) {
    read = decodeMetadata(metadata, offset);
    if (known.size >= MOST) known.clear();
    known.set(name, read);
  }
  return read;
}
