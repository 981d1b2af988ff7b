import { isUtf8 } from 'node:buffer';
import { MAX_FIELD_BYTES } from './header-names.ts';

/** A header's text; undefined when it is missing, empty, too long or not UTF-8. */
export function text(value: Buffer | undefined): string | undefined {
  if (value === undefined || value.length === 0 || value.length > MAX_FIELD_BYTES || !isUtf8(value))
    return undefined;
  return value.toString();
}

/** A header's whole number, or undefined. Decimal digits only: no sign, no exponent, at most what a number holds exactly. */
export function wholeNumber(value: Buffer | undefined): number | undefined {
  if (value === undefined || value.length === 0 || value.length > 16) return undefined;
  let number = 0;
  for (const byte of value) {
    if (byte < 0x30 || byte > 0x39) return undefined;
    number = number * 10 + (byte - 0x30);
  }
  return Number.isSafeInteger(number) ? number : undefined;
}

/** The last instant that a Date can hold. */
export const MAX_DATE_MS = 8_640_000_000_000_000;
