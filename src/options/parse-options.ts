import { z } from 'zod';
import { type OptionProblem, OptionsError } from '../errors/options-error.ts';
import { showValue } from './show-value.ts';
import { unknownOption } from './unknown-option.ts';

const rules = z.registry<{ readonly rule: string; readonly cure: string }>();

/** An option's schema with the words for whoever got it wrong: what the value must be, and what to do. */
export function option<S extends z.ZodType>(schema: S, rule: string, cure: string): S {
  rules.add(schema, { rule, cure });
  return schema;
}

/** Whose options they are. */
interface Subject {
  readonly call: string;
  /** Options that are shown as they are, although their names look like a secret's. */
  readonly plain: readonly string[];
}

/**
 * Checks an options object against its one declaration and fills in the defaults. The caller's object is not changed;
 * `undefined` means absent.
 *
 * @throws OptionsError listing every invalid, missing or unknown option.
 */
export function parseOptions<S extends z.ZodObject>(
  subject: string | Subject,
  schema: S,
  given: unknown,
): z.output<S> {
  const { call, plain } = typeof subject === 'string' ? { call: subject, plain: [] } : subject;
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  throw new OptionsError(
    call,
    result.error.issues.flatMap((issue) =>
      problemsOf(issue, schema, (path) => showValue(valueAt(given, path), path, plain)),
    ),
  );
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  shownAt: (path: readonly string[]) => string,
): OptionProblem[] {
  const at = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schemaAt(schema, at));
    return issue.keys.map((key) => unknownOption([...at, key], shownAt([...at, key]), known));
  }
  const words = wordsOfIssue(issue) ?? wordsAt(schema, at);
  return [
    {
      path: at.join('.') || '(options)',
      rule: words?.rule ?? issue.message,
      value: shownAt(at),
      cure: words?.cure ?? 'See the documentation of this option.',
    },
  ];
}

/** A check that knows better than its option what is wrong says it in the issue's `params`. */
function wordsOfIssue(issue: z.core.$ZodIssue): { rule: string; cure: string } | undefined {
  if (issue.code !== 'custom') return undefined;
  const { rule, cure } = issue.params ?? {};
  return typeof rule === 'string' && typeof cure === 'string' ? { rule, cure } : undefined;
}

/** The words of the innermost schema on the way that has any. */
function wordsAt(schema: z.ZodType, path: readonly string[]): { rule: string; cure: string } | undefined {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const found = schemaAt(schema, path.slice(0, depth));
    const words = found && wordsOf(found);
    if (words !== undefined) return words;
  }
  return undefined;
}

function wordsOf(schema: z.ZodType): { rule: string; cure: string } | undefined {
  const own = rules.get(schema);
  if (own !== undefined) return own;
  const inner = unwrap(schema);
  return inner === schema ? undefined : wordsOf(inner);
}

function schemaAt(schema: z.ZodType, path: readonly string[]): z.ZodType | undefined {
  let current: z.ZodType | undefined = schema;
  for (const step of path) {
    while (current !== undefined && unwrap(current) !== current) current = unwrap(current);
    if (!(current instanceof z.ZodObject)) return undefined;
    current = current.shape[step] as z.ZodType | undefined; // an object schema's fields are schemas
  }
  return current;
}

function knownKeys(schema: z.ZodType | undefined): readonly string[] {
  if (schema === undefined) return [];
  const inner = unwrap(schema);
  if (inner !== schema) return knownKeys(inner);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrap(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    return schema.unwrap() as z.ZodType; // what an optional or a default wraps is a schema
  }
  return schema;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[step]; // reading an unknown property of a checked object
  }
  return current;
}
