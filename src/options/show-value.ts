/** Options with such names, mistyped ones too, are never printed. */
const secret = /pas+w|passphrase|^pass$|pwd|secret|token|credential|^key$/i;
/** Below these nothing is printed as it is, whatever its name: a mistyped name must not give a password away. */
const guarded: ReadonlySet<string> = new Set(['sasl', 'tls']);
const harmless: ReadonlySet<string> = new Set(['mechanism', 'username']);
const MASK = '(secret)';
const MAX_LENGTH = 120;
const MAX_DEPTH = 6;

/** An option's value for a message, in at most 120 characters and without secrets. */
export function showValue(value: unknown, path: readonly string[]): string {
  if (value === undefined) return 'nothing';
  const name = path.at(-1) ?? '';
  const place = { name, hidden: path.some((step) => guarded.has(step)), depth: 0 };
  if (path.some((step) => secret.test(step))) return MASK;
  if (typeof value === 'function') return place.hidden ? MASK : 'a function';
  const plain = mask(value, place);
  const text = plain === MASK ? MASK : JSON.stringify(plain);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}...` : text;
}

interface Place {
  readonly name: string;
  readonly hidden: boolean;
  readonly depth: number;
}

function mask(value: unknown, place: Place): unknown {
  const { name, hidden, depth } = place;
  if (secret.test(name)) return MASK;
  if (typeof value === 'string') return hidden && !harmless.has(name) ? MASK : withoutCredentials(value);
  if (ArrayBuffer.isView(value)) return hidden ? MASK : `${value.byteLength} bytes`;
  if (typeof value !== 'object' || value === null) return primitive(value);
  if (depth === MAX_DEPTH) return '...';
  if (Array.isArray(value)) return value.map((element) => mask(element, { ...place, depth: depth + 1 }));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      mask(inner, { name: key, hidden: hidden || guarded.has(key), depth: depth + 1 }),
    ]),
  );
}

/** What JSON has no word for is told in its own. */
function primitive(value: unknown): unknown {
  switch (typeof value) {
    case 'function':
      return 'a function';
    case 'bigint':
    case 'symbol':
      return String(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    default:
      return value;
  }
}

/** `user:password@host`, and keys in PEM. */
function withoutCredentials(text: string): string {
  if (text.includes('-----BEGIN')) return MASK;
  return text.replace(/[^\s/@]*:[^\s/@]*@/g, `${MASK}@`);
}
