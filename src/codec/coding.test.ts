import { describe, expect, it, onTestFinished, test } from 'vitest';
import { aesCodec, invert, type TestKeys, testKeys } from '../../test/support/test-codecs.ts';
import { CodecFailedError, CodecKeyMissingError, CodecMissingError } from '../errors/codec-errors.ts';
import { RetryLaterError } from '../errors/control-errors.ts';
import { PartDamagedError } from '../errors/part-errors.ts';
import { RecordUndecodableError } from '../errors/task-errors.ts';
import type { IncomingRecord, OutgoingRecord } from '../kafka/port.ts';
import { defaultCodecLimits } from './codec-limits.ts';
import { Decoding, partEncoding } from './coding.ts';
import { crc32c } from './crc32c.ts';
import { type EncodedTask, encodeTask, type TaskToEncode } from './envelope.ts';
import { encodePart, readPartContent, readPartHead } from './part.ts';
import { codecSet, isCodecName, type PayloadCodec } from './payload-codec.ts';
import { decodeBody, readHead } from './read-record.ts';

const keys = testKeys('k1', 'k2');
const aes = aesCodec(keys);
const plain = { id: 'i', type: 'note', version: 1, key: 'k', enqueuedAtMs: 5, payload: { secret: 'hush' } };
const coded: TaskToEncode = { ...plain, codec: aes };

function incoming(record: OutgoingRecord): IncomingRecord {
  return { topic: 'q', partition: 0, offset: 3, timestampMs: 0, ...record };
}

function headOf(record: IncomingRecord): Extract<ReturnType<typeof readHead>, { kind: 'task' }>['head'] {
  const reading = readHead(record);
  if (reading.kind === 'undecodable') throw new Error(reading.reason);
  return reading.head;
}

async function decoded(record: IncomingRecord, ...codecs: PayloadCodec[]): Promise<unknown> {
  return await decodeBody(record, headOf(record), {
    ...defaultCodecLimits,
    codecs: codecSet(undefined, codecs),
  });
}

async function written(task: TaskToEncode): Promise<IncomingRecord> {
  return incoming((await encodeTask(task, defaultCodecLimits)).record);
}

function header(record: IncomingRecord, name: string): string | undefined {
  return record.headers.find(([other]) => other === name)?.[1].toString();
}

function flipped(bytes: Buffer | null, at: number): Buffer {
  const other = Buffer.from(bytes ?? '');
  other[at] = (other[at] ?? 0) ^ 1;
  return other;
}

function changed(record: IncomingRecord, name: string, value: string): IncomingRecord {
  const headers = record.headers.filter(([other]) => other !== name);
  return { ...record, headers: [...headers, [name, Buffer.from(value)]] };
}

describe('a payload that goes through a codec', () => {
  it('says so, shows nothing of itself, and comes back', async () => {
    const made = encodeTask(coded, defaultCodecLimits);
    expect(made).not.toBeInstanceOf(Promise);
    const record = incoming((made as EncodedTask).record); // as was just seen
    expect([header(record, 'kl-codec'), header(record, 'kl-length')]).toEqual(['json+x.aes', '17']);
    expect(record.value?.includes('hush')).toBe(false);
    expect(await decoded(record, invert, aes)).toEqual(plain.payload);
  });

  it('is compressed before', async () => {
    // Small already: nothing that comes later could compress it.
    const payload = { text: 'again and again '.repeat(100) };
    const record = await written({ ...coded, payload });
    expect(header(record, 'kl-codec')).toBe('json+lz4f+x.aes');
    expect(record.value?.length).toBeLessThan(200);
    expect(header(await written({ ...plain, payload }), 'kl-codec')).toBe('json');
    expect(await decoded(record, aes)).toEqual(payload);
  });

  it('may be encoded later', async () => {
    const later: PayloadCodec = { ...aes, encode: (...given) => Promise.resolve(aes.encode(...given)) };
    expect(await decoded(await written({ ...coded, codec: later }), aes)).toEqual(plain.payload);
  });

  test.each<[what: string, change: (record: IncomingRecord) => IncomingRecord]>([
    ['id', (record) => changed(record, 'kl-id', 'other')],
    ['type', (record) => changed(record, 'kl-type', 'other')],
    ['key', (record) => ({ ...record, key: Buffer.from('other') })],
    ['bytes', (record) => ({ ...record, value: flipped(record.value, 20) })],
    ['length', (record) => changed(record, 'kl-length', '16')],
    ['codec', (record) => changed(record, 'kl-codec', 'json')],
  ])('is undecodable under another %s', async (_what, change) => {
    const record = change(await written(coded));
    await expect(async () => await decoded(record, aes)).rejects.toThrow(RecordUndecodableError);
  });

  it('cannot stand in for its body, nor the body for it', async () => {
    const bytes = Buffer.from(JSON.stringify(plain.payload));
    const record = await written({ ...coded, body: { kind: 'inline', bytes } });
    const body = record.headers.find(([name]) => name === 'kl-body')?.[1] ?? null;
    await expect(decoded({ ...record, value: body }, aes)).rejects.toThrow(RecordUndecodableError);
    expect(await decoded(record, aes)).toEqual(plain.payload);
  });
});

describe('what cannot be decoded here', () => {
  it('has a codec that is missing', async () => {
    await expect(decoded(await written(coded), invert)).rejects.toThrow(CodecMissingError);
    expect(
      () =>
        new Decoding(
          incoming({ key: null, value: Buffer.of(1), headers: [] }),
          { ...coded, codedBy: 'aes' },
          {},
        ),
    ).toThrow(CodecMissingError);
  });

  it('has a key that is missing', async () => {
    const other: TestKeys = { ...keys, current: 'k2' };
    const record = await written({ ...coded, codec: aesCodec(other) });
    other.byId.delete('k2');
    await expect(decoded(record, aes)).rejects.toThrow(CodecKeyMissingError);
  });

  it('may be asked for again, when the codec says so', async () => {
    const away: PayloadCodec = { ...aes, decode: () => Promise.reject(new RetryLaterError(5)) };
    await expect(decoded(await written(coded), away)).rejects.toThrow(RetryLaterError);
  });

  test.each<[what: string, decode: PayloadCodec['decode']]>([
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects', () => Promise.reject(new Error('no'))],
    ['gives text', (() => 'text') as unknown as PayloadCodec['decode']], // as JavaScript may
    ['gives other bytes', () => Buffer.from('[]')],
  ])('is undecodable when the codec %s', async (_what, decode) => {
    await expect(decoded(await written(coded), { ...aes, decode })).rejects.toThrow(RecordUndecodableError);
  });

  it('is not even shown to the codec when it is longer than declared', async () => {
    const record = { ...(await written(coded)), value: Buffer.alloc(17 + 4_097) };
    const decode = (): never => {
      throw new Error('was asked');
    };
    await expect(decoded(record, { ...aes, decode })).rejects.toThrow(
      'declares 17 bytes and is encoded as 4114',
    );
  });

  test.each([
    'json+x.',
    'json+x.AES',
    'json+x.a b',
    'json+x.aes+body',
    'json+x.a+x.b',
    'text+x.aes',
    '+x.aes',
  ])('names no codec: %s', async (codec) => {
    expect(readHead(changed(await written(coded), 'kl-codec', codec))).toMatchObject({ kind: 'undecodable' });
  });
});

describe('a body that goes through a codec', () => {
  it.each([0, 9])('is always there: %i bytes', async (length) => {
    const record = await written({ ...coded, body: { kind: 'inline', bytes: Buffer.alloc(length, 7) } });
    expect([header(record, 'kl-codec'), header(record, 'kl-body-length')]).toEqual([
      'json+body+x.aes',
      `${length}`,
    ]);
    const { body } = headOf(record);
    const bytes = body?.kind === 'inline' ? body.bytes : Buffer.alloc(0);
    expect(bytes.length).toBe(length + 30);
    const decoding = new Decoding(record, { ...coded, codedBy: 'aes' }, { codecs: codecSet(aes, []) });
    expect(await decoding.content('body', bytes, length)).toEqual(Buffer.alloc(length, 7));
  });

  it('is undecodable when it is missing, or much longer than declared', async () => {
    const record = await written({ ...coded, body: { kind: 'inline', bytes: Buffer.alloc(9) } });
    const without = { ...record, headers: record.headers.filter(([name]) => name !== 'kl-body') };
    expect(readHead(without)).toMatchObject({ kind: 'undecodable' });
    expect(readHead(changed(record, 'kl-body', 'x'.repeat(9 + 4_097)))).toMatchObject({
      kind: 'undecodable',
    });
  });
});

describe('a codec that cannot encode', () => {
  test.each<[what: string, encode: unknown]>([
    [
      'could not encode it',
      () => {
        throw new Error('no');
      },
    ],
    ['could not encode it', () => Promise.reject(new Error('no'))],
    ['gave no bytes', () => 'text'],
    ['gave no bytes', () => Promise.resolve(undefined)],
    ['encoded it as nothing', () => Buffer.alloc(0)],
    ['made 4114 bytes of 17', () => Buffer.alloc(17 + 4_097)],
  ])('is told: %s', async (what, encode) => {
    const codec = { ...aes, encode } as PayloadCodec; // as JavaScript may
    const failed = Promise.resolve().then(() => encodeTask({ ...coded, codec }, defaultCodecLimits));
    await expect(failed).rejects.toThrow(what);
    await expect(failed).rejects.toThrow(CodecFailedError);
  });

  it('is heard of in both when one of payload and body fails at once and the other later', async () => {
    const unheard: unknown[] = [];
    const listen = (error: unknown): void => void unheard.push(error);
    process.on('unhandledRejection', listen);
    onTestFinished(() => void process.off('unhandledRejection', listen));
    const fates = [() => Promise.reject(new Error('later')), () => JSON.parse('{') as Buffer];
    const body = { kind: 'inline', bytes: Buffer.from('a') } as const;
    for (const [first, second] of [fates, fates.toReversed()]) {
      const encode: PayloadCodec['encode'] = (_bytes, { content }) =>
        (content === 'payload' ? first?.() : second?.()) ?? Buffer.alloc(0);
      const failed = Promise.resolve().then(() =>
        encodeTask({ ...coded, body, codec: { ...aes, encode } }, defaultCodecLimits),
      );
      await expect(failed).rejects.toThrow(CodecFailedError);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(unheard).toEqual([]);
  });

  it('has a name that fits the wire', () => {
    expect(['aes', 'aes-256.gcm_1', 'a'.repeat(32)].every(isCodecName)).toBe(true);
    expect(['', 'A', '-a', 'a+b', 'a'.repeat(33), undefined].some(isCodecName)).toBe(false);
  });
});

describe('a part that goes through a codec', () => {
  const content = Buffer.from('a part of something large '.repeat(20));
  const part = { upload: 'u1', index: 4 };
  const decoding = new Decoding(
    incoming({ key: Buffer.from('k'), value: Buffer.of(1), headers: [] }),
    { ...plain, codedBy: 'aes' },
    { codecs: codecSet(aes, []) },
  ).parts('body');
  const limits = { maxPartBytes: 1_000, decoding };

  async function sealed(upload = 'u1', frame?: Buffer): Promise<IncomingRecord> {
    const bytes = await partEncoding(aes, plain, 'body').encode(frame ?? content, part);
    const codec = frame === undefined ? 'raw' : 'lz4f';
    const through = { by: 'aes', upload: 'u1', bytes, codec, lengthBytes: content.length } as const;
    return incoming(
      encodePart({ ...part, upload, content, crc: crc32c(bytes), frame: undefined, coded: through }),
    );
  }

  async function read(
    record: IncomingRecord,
    how: Parameters<typeof readPartContent>[2] = limits,
  ): Promise<Buffer> {
    const head = readPartHead(record);
    if (head === undefined) throw new Error('it is no part');
    return await readPartContent(record, head, how);
  }

  it('says so, and comes back', async () => {
    const record = await sealed();
    expect([header(record, 'kl-part-codec'), header(record, 'kl-part-coded-as')]).toEqual([
      'raw+x.aes',
      undefined,
    ]);
    expect(header(record, 'kl-part-length')).toBe(`${content.length}`);
    expect(await read(record)).toEqual(content);
  });

  it('can be checked and copied without a key, and read as a part of the copy', async () => {
    const record = await sealed();
    expect(await read(record, { maxPartBytes: 1_000, decoding: 'as-stored' })).toBe(record.value);
    const copy = await sealed('u2');
    expect(header(copy, 'kl-part-coded-as')).toBe('u1');
    expect(await read(copy)).toEqual(content);
  });

  test.each<[what: string, change: (record: IncomingRecord) => IncomingRecord]>([
    ['index', (record) => changed(record, 'kl-part', '5')],
    ['upload', (record) => changed(record, 'kl-part-coded-as', 'u9')],
  ])('is refused by the codec under another %s', async (_what, change) => {
    await expect(read(change(await sealed()))).rejects.toThrow(RecordUndecodableError);
  });

  test.each<[what: string, change: (record: IncomingRecord) => IncomingRecord]>([
    ['changed', (record) => ({ ...record, value: Buffer.from(record.value ?? '').fill(0, 30, 31) })],
    ['not coded', (record) => changed(record, 'kl-part-codec', 'raw')],
    ['coded by another codec', (record) => changed(record, 'kl-part-codec', 'raw+x.invert')],
    ['much longer than declared', (record) => ({ ...record, value: Buffer.alloc(content.length + 4_097) })],
    ['shorter than declared', (record) => changed(record, 'kl-part-length', `${content.length + 1}`)],
    ['no frame inside', (record) => changed(record, 'kl-part-codec', 'lz4f+x.aes')],
  ])('is damaged when it is %s', async (_what, change) => {
    await expect(read(change(await sealed()))).rejects.toThrow(PartDamagedError);
  });

  it('is no part of a task without a codec', async () => {
    await expect(read(await sealed(), { maxPartBytes: 1_000 })).rejects.toThrow(PartDamagedError);
  });
});
