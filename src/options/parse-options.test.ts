import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OptionsError } from '../errors/options-error.ts';
import { option, parseOptions } from './parse-options.ts';

const schema = z.strictObject({
  size: option(z.int().min(1).default(3), 'must be a whole number >= 1', 'Leave it out for 3.'),
  name: option(z.string().min(1), 'must be a name', "Pass name: 'a'."),
  inner: z
    .strictObject({ depth: option(z.int().default(1), 'must be a depth', 'Leave it out.') })
    .prefault({}),
});

function problems(given: unknown): OptionsError['problems'] {
  try {
    parseOptions('thing()', schema, given);
  } catch (error) {
    if (error instanceof OptionsError) return error.problems;
    throw error;
  }
  throw new Error('it was taken');
}

describe('options', () => {
  it('are filled in; undefined means absent; the object given is not changed', () => {
    const given = Object.freeze({ name: 'a', size: undefined, inner: Object.freeze({}) });
    expect(parseOptions('thing()', schema, given)).toEqual({ name: 'a', size: 3, inner: { depth: 1 } });
  });

  it('are all judged at once, each with its place, rule, value and cure', () => {
    expect(problems({ size: 0, nam: 'x', inner: { depht: 4, depth: 'deep' } })).toEqual([
      { path: 'size', rule: 'must be a whole number >= 1', value: '0', cure: 'Leave it out for 3.' },
      { path: 'name', rule: 'must be a name', value: 'nothing', cure: "Pass name: 'a'." },
      { path: 'inner.depth', rule: 'must be a depth', value: '"deep"', cure: 'Leave it out.' },
      { path: 'inner.depht', rule: 'is not an option', value: '4', cure: "Did you mean 'depth'?" },
      { path: 'nam', rule: 'is not an option', value: '"x"', cure: "Did you mean 'name'?" },
    ]);
  });

  it('that are like none of the known ones are answered with the known ones', () => {
    expect(problems({ name: 'a', elephant: true })).toMatchObject([
      { path: 'elephant', cure: 'Known options: size, name, inner.' },
    ]);
  });

  it.each([undefined, null, 5, 'x', []])('that are no object (%j) are refused', (given) => {
    expect(problems(given)).toMatchObject([{ path: '(options)' }]);
  });

  it('say in the message all that is wrong', () => {
    expect(() => parseOptions('thing()', schema, { size: 0 })).toThrow(
      'Invalid options for thing():\n' +
        '  size: must be a whole number >= 1; got 0. Leave it out for 3.\n' +
        "  name: must be a name; got nothing. Pass name: 'a'.",
    );
  });
});
