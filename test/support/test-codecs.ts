import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { CodecSubject, PayloadCodec } from '../../src/codec/payload-codec.ts';
import { CodecKeyMissingError } from '../../src/errors/codec-errors.ts';

/** Keys by id, and the one to write with. */
export interface TestKeys {
  current: string;
  readonly byId: Map<string, Buffer>;
}

export function testKeys(...ids: [string, ...string[]]): TestKeys {
  return { current: ids[0], byId: new Map(ids.map((id) => [id, randomBytes(32)])) };
}

/** AES-256-GCM that binds what it writes to its subject. The bytes begin with the key's id, of 2 characters. */
export function aesCodec(keys: TestKeys, name = 'aes'): PayloadCodec {
  const keyOf = (id: string): Buffer => {
    const key = keys.byId.get(id);
    if (key === undefined) throw new CodecKeyMissingError(id);
    return key;
  };
  return {
    name,
    encode(bytes, about) {
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', keyOf(keys.current), nonce);
      cipher.setAAD(bound(about));
      const sealed = Buffer.concat([cipher.update(bytes), cipher.final()]);
      return Buffer.concat([Buffer.from(keys.current), nonce, sealed, cipher.getAuthTag()]);
    },
    decode(bytes, about) {
      const decipher = createDecipheriv(
        'aes-256-gcm',
        keyOf(bytes.toString('latin1', 0, 2)),
        bytes.subarray(2, 14),
      );
      decipher.setAAD(bound(about));
      decipher.setAuthTag(bytes.subarray(-16));
      return Buffer.concat([decipher.update(bytes.subarray(14, -16)), decipher.final()]);
    },
  };
}

function bound(about: CodecSubject): Buffer {
  return Buffer.from(JSON.stringify(about));
}

/** Inverts every bit: what the golden vectors of coded records are made with. */
export const invert: PayloadCodec = { name: 'invert', encode: inverted, decode: inverted };

function inverted(bytes: Buffer): Buffer {
  return bytes.map((byte) => byte ^ 0xff) as Buffer; // a Buffer's map gives a Buffer
}
