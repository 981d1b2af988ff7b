import type { IncomingRecord, RecordHeader } from '../kafka/port.ts';
import { headerNames } from './header-names.ts';
import { type BodyManifest, type ManifestHeaderName, manifestHeader, readManifest } from './manifest.ts';

/** A header of a task's record that says where parts are. */
export interface PartsHeader {
  /** Its place among the record's headers. */
  readonly index: number;
  readonly name: ManifestHeaderName;
  readonly manifest: BodyManifest;
}

const names: readonly ManifestHeaderName[] = [headerNames.payloadParts, headerNames.bodyParts];

/**
 * What a record says of parts, whatever its codec: one of a later release must not lose its parts because this one cannot
 * read it. A header that is there twice says nothing.
 */
export function partsHeaders({ headers }: IncomingRecord): readonly PartsHeader[] {
  return names.flatMap((name) => {
    const index = headers.findIndex((header) => header[0] === name);
    if (headers.findLastIndex((header) => header[0] === name) !== index) return [];
    const manifest = readManifest(headers[index]?.[1]);
    return manifest === undefined ? [] : [{ index, name, manifest }];
  });
}

/** The record as it was, but for these headers. */
export function withPartsHeaders(record: IncomingRecord, changed: readonly PartsHeader[]): IncomingRecord {
  if (changed.length === 0) return record;
  const headers: RecordHeader[] = [...record.headers];
  for (const { index, name, manifest } of changed) headers[index] = manifestHeader(name, manifest);
  return { ...record, headers };
}
