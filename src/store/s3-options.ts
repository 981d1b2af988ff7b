import type { S3Client } from '@aws-sdk/client-s3';
import { isStoreName } from '../codec/payload-store.ts';
import { isObjectKey } from '../codec/stored-object.ts';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { showValue } from '../options/show-value.ts';

export interface S3StoreOptions {
  /** With region, credentials and, for another service than AWS, its endpoint. */
  readonly client: S3Client;
  /** A general purpose bucket: directory buckets do not list keys in order. */
  readonly bucket: string;
  /** What all keys begin with, such as `keylane/`. Default: nothing. */
  readonly prefix?: string;
  /** Recorded with each task: a worker finds what reads it by this name. Default: `'s3'`. */
  readonly name?: string;
  /**
   * Bytes of one request of an upload, 5 to 64 MiB. In memory there is one for each upload under way, and `maxParts` more.
   * Larger ones are fewer requests. Default: 5 MiB, the least that S3 takes.
   */
  readonly partBytes?: number;
  /** Parts that are sent at once, of all uploads of the process. More are faster and take more memory. Default: 4. */
  readonly maxParts?: number;
}

const MIB = 1024 * 1024;

const defaults = {
  prefix: '',
  name: 's3',
  partBytes: 5 * MIB,
  maxParts: 4,
} as const satisfies Partial<S3StoreOptions>;

type Rule = readonly [isFine: (value: unknown) => boolean, rule: string, cure: string];

const rules: Readonly<Record<keyof S3StoreOptions, Rule>> = {
  client: [
    (value) =>
      typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function',
    'must be an S3Client of @aws-sdk/client-s3',
    'Pass client: new S3Client({ region }).',
  ],
  bucket: [
    (value) => typeof value === 'string' && value !== '',
    'must be the name of a bucket',
    "Pass bucket: 'bodies'.",
  ],
  prefix: [
    (value) => value === '' || (typeof value === 'string' && isObjectKey(value.replace(/\/$/, ''))),
    'must be letters, digits, dots, dashes and underscores between single slashes, without one at its start',
    "Use a name and a slash, prefix: 'keylane/', or leave it out for none.",
  ],
  name: [
    isStoreName,
    'must be 1 to 32 lower-case letters, digits, dots, dashes and underscores',
    "Leave it out for 's3'.",
  ],
  partBytes: [
    (value) => isWhole(value, 5 * MIB, 64 * MIB),
    `must be a whole number of bytes from ${5 * MIB} to ${64 * MIB}`,
    `Leave it out for ${5 * MIB}.`,
  ],
  maxParts: [(value) => isWhole(value, 1, 64), 'must be a whole number from 1 to 64', 'Leave it out for 4.'],
};

/** @throws OptionsError listing every problem */
export function resolveS3Options(options: S3StoreOptions): Required<S3StoreOptions> {
  const given: Readonly<Record<string, unknown>> =
    typeof options === 'object' && options !== null ? { ...options } : {};
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const resolved: Readonly<Record<string, unknown>> = { ...defaults, ...present };
  const problems: OptionProblem[] = [];
  for (const [path, [isFine, rule, cure]] of Object.entries(rules)) {
    if (isFine(resolved[path])) continue;
    const value = path === 'client' ? typeof resolved[path] : showValue(resolved[path], [path]);
    problems.push({ path, rule, value, cure });
  }
  for (const path of Object.keys(present)) {
    if (Object.hasOwn(rules, path)) continue;
    problems.push({ path, rule: 'is not an option', value: `a ${typeof present[path]}`, cure: 'Remove it.' });
  }
  if (problems.length > 0) throw new OptionsError('s3Store()', problems);
  // What is given as undefined is left out.
  const { client, bucket } = options;
  const { prefix = defaults.prefix, name = defaults.name } = options;
  const { partBytes = defaults.partBytes, maxParts = defaults.maxParts } = options;
  return { client, bucket, prefix, name, partBytes, maxParts };
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
