/**
 * What `JSON.parse` gives. The payload of an older version has the shape that an earlier release of the application
 * wrote, which no type of today describes; annotate the parameter with that release's type to have it checked.
 */
export type OldPayload = ReturnType<typeof JSON.parse>;

/** Turns the wire form of one version into the next one's. */
export type Upcast = (old: OldPayload) => unknown;

/**
 * One step for every older version: `{ 1: v1 => v2, 2: v2 => v3 }` for version 3. A missing step does not compile, and
 * the last one must give what the schema takes. A version that is not a literal is checked when the task is defined.
 */
export type Upcasts<Version extends number, Current> = number extends Version
  ? Readonly<Record<number, Upcast>>
  : { readonly [V in Below<Version>]: (old: OldPayload) => V extends Last<Version> ? Current : unknown };

/** 1 | 2 | ... up to, not including, the version. */
type Below<
  Version extends number,
  Seen extends readonly unknown[] = [unknown],
> = Seen['length'] extends Version ? never : Seen['length'] | Below<Version, readonly [...Seen, unknown]>;

/** The version before. */
type Last<Version extends number, Seen extends readonly unknown[] = []> = [
  ...Seen,
  unknown,
]['length'] extends Version
  ? Seen['length']
  : Last<Version, readonly [...Seen, unknown]>;
