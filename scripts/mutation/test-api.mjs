import { chai, GLOBAL_EXPECT, JestAsymmetricMatchers, JestChaiExpect, setState } from '@vitest/expect';

/** As much of vitest as the tests of the core use, without its processes, so that thousands of runs fit in a minute. */
for (const plugin of [JestChaiExpect, JestAsymmetricMatchers]) chai.use(plugin);
chai.use(({ Assertion }) => Assertion.addMethod('toMatchInlineSnapshot', matchInlineSnapshot));

const expect = Object.assign((value, message) => chai.expect(value, message), chai.expect);
setState({}, expect);
globalThis[GLOBAL_EXPECT] = expect; // where its matchers look for what has been added to it

/** Every test of the bundle, in the order of its files. */
export const tests = [];

export function testApiOf(file) {
  const path = [];

  function describe(name, body) {
    path.push(name);
    body();
    path.pop();
  }

  function it(name, ...rest) {
    const run = rest.find((one) => typeof one === 'function');
    tests.push({ file, name: [...path, name].join(' > '), run });
  }

  const each = (register) => (cases) => (name, body) => {
    const areLists = cases.every(Array.isArray); // as in vitest: among other cases, an array is one argument
    for (const [i, one] of cases.entries())
      register(`${name} (${i + 1})`, () => (areLists ? body(...one) : body(one)));
  };
  Object.assign(describe, { each: each(describe) });
  Object.assign(it, { each: each(it) });
  return { describe, it, test: it, expect };
}

/** Knows lists of plain values only, in the way vitest writes them. */
function matchInlineSnapshot(text) {
  const wanted = JSON.parse(text.replaceAll(/,(?=\s*[\]}])/g, ''));
  expect(this._obj).toEqual(wanted);
}
