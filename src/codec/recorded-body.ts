import type { RecordHeader } from '../kafka/port.ts';
import { MAX_BODY_BYTES, MAX_CODEC_OVERHEAD_BYTES, MAX_ENCODING_CHARACTERS } from './codec-limits.ts';
import { headerNames } from './header-names.ts';
import { wholeNumber } from './header-values.ts';
import { type BodyManifest, manifestHeader, readManifest } from './manifest.ts';

/** Where a task's body is: in the record itself, or in parts. */
export type RecordedBody =
  | { readonly kind: 'inline'; readonly bytes: Buffer }
  | { readonly kind: 'parts'; readonly manifest: BodyManifest };

/** The name of a content coding, or a list of them, as HTTP writes it. */
const encoding = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+(, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$/;

export function isContentEncoding(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ENCODING_CHARACTERS && encoding.test(value);
}

/**
 * The headers of a task with a body. The bytes of an inline one are used as they are, not copied; or what a codec made of
 * them.
 */
export function bodyHeaders(
  body: RecordedBody,
  contentEncoding: string | undefined,
  coded?: Buffer,
): RecordHeader[] {
  const headers: RecordHeader[] = [[headerNames.bodyLength, Buffer.from(String(bodyLength(body)), 'latin1')]];
  if (contentEncoding !== undefined)
    headers.push([headerNames.bodyEncoding, Buffer.from(contentEncoding, 'latin1')]);
  if (body.kind === 'parts') headers.push(manifestHeader(headerNames.bodyParts, body.manifest));
  // The length alone says that a body is empty: clients send an empty header value as null.
  else if (coded !== undefined) headers.push([headerNames.body, coded]);
  else if (body.bytes.length > 0) headers.push([headerNames.body, body.bytes]);
  return headers;
}

function bodyLength(body: RecordedBody): number {
  return body.kind === 'inline' ? body.bytes.length : body.manifest.bytes;
}

/** What a record's headers say of its body, or why they cannot be right. */
export type BodyReading =
  | {
      readonly kind: 'body';
      readonly body: RecordedBody;
      readonly bodyBytes: number;
      readonly contentEncoding: string | undefined;
    }
  | { readonly kind: 'undecodable'; readonly reason: string };

/** Reads the body of a record whose codec says that there is one. `coded`: an inline one went through a codec. */
export function readRecordedBody(headers: ReadonlyMap<string, Buffer>, coded = false): BodyReading {
  const bodyBytes = wholeNumber(headers.get(headerNames.bodyLength));
  if (bodyBytes === undefined) return undecodable('its header kl-body-length is not a whole number');
  if (bodyBytes > MAX_BODY_BYTES) {
    return undecodable(`it declares a body of ${bodyBytes} bytes; the limit is ${MAX_BODY_BYTES}`);
  }
  const contentEncoding = headers.get(headerNames.bodyEncoding)?.toString('latin1');
  if (contentEncoding !== undefined && !isContentEncoding(contentEncoding)) {
    return undecodable('its header kl-body-encoding names no content coding');
  }
  const inline = headers.get(headerNames.body);
  const parts = headers.get(headerNames.bodyParts);
  if (parts === undefined) {
    const bytes = inline ?? Buffer.alloc(0);
    // Not even an empty one goes through a codec without leaving something, and how much it leaves is bounded.
    if (coded && (bytes.length === 0 || bytes.length > bodyBytes + MAX_CODEC_OVERHEAD_BYTES)) {
      return undecodable(`it declares a body of ${bodyBytes} bytes, which is encoded as ${bytes.length}`);
    }
    if (!coded && bytes.length !== bodyBytes) {
      return undecodable(`it declares a body of ${bodyBytes} bytes and has ${bytes.length}`);
    }
    return { kind: 'body', body: { kind: 'inline', bytes }, bodyBytes, contentEncoding };
  }
  if (inline !== undefined) return undecodable('it has a body of its own and one in parts');
  const manifest = readManifest(parts);
  if (manifest === undefined) return undecodable('its header kl-body-parts is no manifest of parts');
  if (manifest.bytes !== bodyBytes) {
    return undecodable(`it declares a body of ${bodyBytes} bytes, and ${manifest.bytes} in parts`);
  }
  return { kind: 'body', body: { kind: 'parts', manifest }, bodyBytes, contentEncoding };
}

function undecodable(reason: string): BodyReading {
  return { kind: 'undecodable', reason };
}
