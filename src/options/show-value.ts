/** Options with such names, mistyped ones too, are never printed. */
const secret = /pas+w|passphrase|^pass$|pwd|secret|token|credential|^key$/i;
/** Below these nothing is printed as it is, whatever its name: a mistyped name must not give a password away. */
const guarded: ReadonlySet<string> = new Set(['sasl', 'tls', 'codec', 'codecs']);
const harmless: ReadonlySet<string> = new Set(['mechanism', 'username']);
const MASK = '(secret)';
const MAX_LENGTH = 120;
const MAX_DEPTH = 6;

/**
 * An option's value for a message, in at most 120 characters and without secrets. `plain` = names that look like a
 * secret's and are none here.
 */
export function showValue(value: unknown, path: readonly string[], plain: readonly string[] = []): string {
  if (value === undefined) return 'nothing';
  const name = path.at(-1) ?? '';
  const place = { name, hidden: path.some((step) => guarded.has(step)), depth: 0, plain };
  if (path.some((step) => isSecret(step, plain))) return MASK;
  if (typeof value === 'function') return place.hidden ? MASK : 'a function';
  const masked = mask(value, place);
  const text = masked === MASK ? MASK : JSON.stringify(masked);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH - 3)}...` : text;
}

interface Place {
  readonly name: string;
  readonly hidden: boolean;
  readonly depth: number;
  readonly plain: readonly string[];
}

function isSecret(name: string, plain: readonly string[]): boolean {
  return secret.test(name) && !plain.includes(name);
}

function mask(value: unknown, place: Place): unknown {
  const { name, hidden, depth, plain } = place;
  if (isSecret(name, plain)) return MASK;
  if (typeof value === 'string') return hidden && !harmless.has(name) ? MASK : withoutCredentials(value);
  if (ArrayBuffer.isView(value)) return hidden ? MASK : `${value.byteLength} bytes`;
  if (typeof value !== 'object' || value === null) return primitive(value);
  if (depth === MAX_DEPTH) return '...';
  if (Array.isArray(value)) return value.map((element) => mask(element, { ...place, depth: depth + 1 }));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      mask(inner, { name: key, hidden: hidden || guarded.has(key), depth: depth + 1, plain }),
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
