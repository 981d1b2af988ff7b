import type { SchemaInput, StandardSchema } from './standard-schema.ts';

/**
 * Refuses, with a sentence, a schema whose input can only be something that JSON does not carry: such tasks would be
 * enqueued, and every one of them refused in the worker. A union that also takes a string is fine. Looks a few levels deep.
 */
export type WireSafe<S extends StandardSchema> =
  true extends CannotTravel<SchemaInput<S>>
    ? {
        readonly schema: 'this schema takes a Date, bigint, Map, Set, symbol or function, which JSON does not carry: take a string and convert it, for instance with z.coerce.date()';
      }
    : unknown;

type NotJson =
  | Date
  | bigint
  | symbol
  | ReadonlyMap<never, unknown>
  | ReadonlySet<never>
  | ((...args: never) => unknown);

/** `Levels` counts down. */
type CannotTravel<T, Levels extends readonly unknown[] = [1, 2, 3, 4, 5]> = unknown extends T
  ? false
  : [NonNullable<T>] extends [never]
    ? false
    : [NonNullable<T>] extends [NotJson]
      ? true
      : Levels extends readonly [unknown, ...infer Fewer]
        ? NonNullable<T> extends readonly (infer Item)[]
          ? CannotTravel<Item, Fewer>
          : NonNullable<T> extends object
            ? { [K in keyof T]-?: CannotTravel<T[K], Fewer> }[keyof T]
            : false
        : false;
