import { z } from 'zod';
import { defineTask } from '../../src/tasks/define-task.ts';
import type { StandardSchema } from '../../src/tasks/standard-schema.ts';

const named = z.object({ id: z.string() });

interface Tree {
  readonly name: string;
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree, Tree> = z.lazy(() => z.object({ name: z.string(), children: z.array(tree) }));
declare const foreign: StandardSchema<{ id: string }, { id: URL }>;

export const allowed = [
  defineTask({ schema: tree, key: (payload) => payload.name }),
  defineTask({ schema: foreign, key: (payload) => payload.id }),
  defineTask({ schema: z.unknown(), key: () => 'a' }),
  defineTask({ schema: z.json(), unordered: true }),
  defineTask({ schema: z.object({ at: z.date().or(z.iso.datetime()), none: z.null() }), unordered: true }),
  defineTask({ schema: z.object({ at: z.coerce.date().optional() }), unordered: true }),
  defineTask({
    schema: named,
    key: (payload) => payload.id,
    version: 3,
    upcast: {
      1: (old: { number: number }) => ({ name: `${old.number}` }),
      2: (old: { name: string }) => ({ id: old.name }),
    },
  }),
];

export const generic = <S extends StandardSchema<{ id: string }, { id: string }>>(schema: S) =>
  defineTask({ schema, unordered: true });

// @ts-expect-error says Property 'key' is missing
defineTask({ schema: named });

// @ts-expect-error says Types of property 'unordered' are incompatible
defineTask({ schema: named, key: (payload) => payload.id, unordered: true });

// @ts-expect-error says Property 'name' does not exist on type '{ id: string; }'
defineTask({ schema: named, key: (payload) => payload.name });

// @ts-expect-error says Type 'number' is not assignable to type 'string'
defineTask({ schema: named, key: (payload) => payload.id.length });

// @ts-expect-error says Property '2' is missing
defineTask({ schema: named, unordered: true, version: 3, upcast: { 1: (old) => old } });

// @ts-expect-error says '4' does not exist in type
defineTask({ schema: named, unordered: true, version: 2, upcast: { 1: (old) => old, 4: (old) => old } });

defineTask({
  schema: named,
  unordered: true,
  version: 2,
  // @ts-expect-error says Type 'number' is not assignable to type 'string'
  upcast: { 1: (old: { n: number }) => ({ id: old.n }) },
});

// @ts-expect-error says which JSON does not carry: take a string and convert it, for instance with z.coerce.date()
defineTask({ schema: z.object({ at: z.date() }), unordered: true });

// @ts-expect-error says which JSON does not carry
defineTask({ schema: z.object({ a: z.array(z.object({ n: z.bigint().optional() })) }), unordered: true });
