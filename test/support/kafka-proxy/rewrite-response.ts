import { WireReader, WireWriter } from '../kafka/wire.ts';
import { API, HIDDEN_APIS, HIGHEST_VERSIONS, isFlexible } from './api.ts';

/** Gives the proxy's own place for a broker's. */
export type Redirect = (host: string, port: number) => { readonly host: string; readonly port: number };

/** A response frame, with the proxy's addresses in place of the brokers' and with versions the proxy can read. */
export function rewriteResponse(
  frame: Buffer,
  apiKey: number,
  apiVersion: number,
  redirect: Redirect,
): Buffer {
  if (apiKey === API.apiVersions) return rewriteApiVersions(frame, apiVersion);
  if (apiKey === API.metadata) return rewriteMetadata(frame, apiVersion, redirect);
  if (apiKey === API.findCoordinator) return rewriteCoordinator(frame, apiVersion, redirect);
  return frame;
}

/** Its header has no tags in any version, so that clients can read it before they know the broker. */
function rewriteApiVersions(frame: Buffer, requestVersion: number): Buffer {
  const reader = new WireReader(frame);
  const correlationId = reader.int32();
  const errorCode = reader.int16();
  // A broker that does not know the asked version answers in version 0.
  const compact = errorCode === 0 && isFlexible(API.apiVersions, requestVersion);
  const apis = reader.array(compact, () => {
    const api = { key: reader.int16(), lowest: reader.int16(), highest: reader.int16() };
    reader.tags(compact);
    return api;
  });
  const writer = new WireWriter().int32(correlationId).int16(errorCode);
  const shown = apis.filter((api) => !HIDDEN_APIS.has(api.key));
  writer.array(compact, shown, ({ key, lowest, highest }) => {
    writer
      .int16(key)
      .int16(lowest)
      .int16(Math.min(highest, HIGHEST_VERSIONS.get(key) ?? highest));
    writer.noTags(compact);
  });
  return writer.raw(reader.rest()).bytes();
}

function rewriteMetadata(frame: Buffer, apiVersion: number, redirect: Redirect): Buffer {
  const compact = isFlexible(API.metadata, apiVersion);
  const reader = new WireReader(frame);
  const writer = new WireWriter().raw(reader.raw(4)).raw(reader.tags(compact));
  if (apiVersion >= 3) writer.raw(reader.raw(4));
  const count = reader.arrayLength(compact);
  writer.arrayLength(compact, count);
  for (let index = 0; index < count; index++) {
    writer.raw(reader.raw(4));
    copyAddress(reader, writer, compact, redirect);
    if (apiVersion >= 1) writer.string(compact, reader.string(compact));
    writer.raw(reader.tags(compact));
  }
  return writer.raw(reader.rest()).bytes();
}

function rewriteCoordinator(frame: Buffer, apiVersion: number, redirect: Redirect): Buffer {
  const compact = isFlexible(API.findCoordinator, apiVersion);
  const reader = new WireReader(frame);
  const writer = new WireWriter().raw(reader.raw(4)).raw(reader.tags(compact));
  if (apiVersion >= 1) writer.raw(reader.raw(4));
  if (apiVersion < 4) {
    writer.raw(reader.raw(2));
    if (apiVersion >= 1) writer.string(compact, reader.string(compact));
    writer.raw(reader.raw(4));
    copyAddress(reader, writer, compact, redirect);
    return writer.raw(reader.rest()).bytes();
  }
  const count = reader.arrayLength(compact);
  writer.arrayLength(compact, count);
  for (let index = 0; index < count; index++) {
    writer.string(compact, reader.string(compact)).raw(reader.raw(4));
    copyAddress(reader, writer, compact, redirect);
    writer.raw(reader.raw(2)).string(compact, reader.string(compact)).raw(reader.tags(compact));
  }
  return writer.raw(reader.rest()).bytes();
}

function copyAddress(reader: WireReader, writer: WireWriter, compact: boolean, redirect: Redirect): void {
  const host = reader.string(compact) ?? '';
  const port = reader.int32();
  // "No coordinator" comes as an empty host.
  const place = host === '' ? { host, port } : redirect(host, port);
  writer.string(compact, place.host).int32(place.port);
}
