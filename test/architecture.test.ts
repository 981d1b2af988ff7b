import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkArchitecture, type Sources } from './support/architecture/check-architecture.ts';
import { checkProperties } from './support/architecture/check-properties.ts';

/** The source texts below a folder of the repository, by their path in it. */
function sourcesOf(folder: string): Sources {
  const root = fileURLToPath(new URL(`../${folder}/`, import.meta.url));
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  return new Map(
    paths.map((path) => [path.split(sep).join('/'), readFileSync(join(root, path), 'utf8')] as const),
  );
}

test('src/ keeps to the layers, the one-importer rules and the purity of its cores', () => {
  const sources = sourcesOf('src');
  expect(sources.size).toBeGreaterThan(10);
  expect(checkArchitecture(sources)).toEqual([]);
});

describe('the checker', () => {
  const check = (sources: Record<string, string>): string[] =>
    checkArchitecture(new Map(Object.entries(sources)));

  test.each<[rule: string, path: string, source: string, problem: string]>([
    ['an import that points up', 'tasks/a.ts', "import { x } from '../worker/b.ts'", 'imports point down'],
    [
      'a type import that points up',
      'errors/a.ts',
      "import type { X } from '../kafka/port.ts'",
      'imports point down',
    ],
    ['an import() that points up', 'codec/a.ts', "const x = import('../queue/b.ts')", 'imports point down'],
    [
      'a re-export that points up',
      'clock/a.ts',
      "export { x } from '../producer/b.ts'",
      'imports point down',
    ],
    [
      'an import between activities',
      'worker/a.ts',
      "import { x } from '../producer/b.ts'",
      'imports point down',
    ],
    [
      'an import of an adapter',
      'worker/a.ts',
      "import { x } from '../kafka/memory/b.ts'",
      'may import an adapter',
    ],
    [
      'an adapter that uses another',
      'kafka/memory/a.ts',
      "import { x } from '../confluent/b.ts'",
      'may import an adapter',
    ],
    [
      'the data client elsewhere',
      'queue/a.ts',
      "await import('@confluentinc/kafka-javascript')",
      'only kafka/confluent/',
    ],
    [
      'the admin client elsewhere',
      'topics/a.ts',
      "import { Admin } from '@platformatic/kafka'",
      'only kafka/platformatic/',
    ],
    ['lz4 elsewhere', 'producer/a.ts', "import * as lz4 from 'lz4-napi'", 'only codec/'],
    ['a folder of no layer', 'utils/a.ts', "import { x } from '../clock/b.ts'", 'no layer has'],
    ['an import from outside of src', 'queue/a.ts', "import { x } from '../../test/b.ts'", 'outside of src/'],
    ['a default export', 'clock/a.ts', 'export default 1', 'default export'],
    ['a renamed default export', 'clock/a.ts', 'const a = 1; export { a as default }', 'default export'],
    ['an export star', 'queue/a.ts', "export * from './b.ts'", 'export *'],
    ['a node module in a core', 'worker/core/a.ts', "import { join } from 'node:path'", 'uses node:path'],
    ['a package in a core', 'worker/core/a.ts', "import { z } from 'zod'", 'uses zod'],
    ['the wall clock in a core', 'worker/core/a.ts', 'const at = Date.now()', 'uses Date.now'],
    ['a date in a core', 'worker/core/a.ts', 'const at = new Date()', 'uses new Date()'],
    [
      'the monotonic clock in a core',
      'producer/core/a.ts',
      'const at = performance.now()',
      'uses performance',
    ],
    ['chance in a core', 'worker/core/a.ts', 'const jitter = Math.random()', 'uses Math.random'],
    ['a timer in a core', 'worker/core/a.ts', 'setTimeout(() => undefined, 1)', 'uses a timer'],
    ['an interval in a core', 'worker/core/a.ts', 'setInterval(() => undefined, 1)', 'uses a timer'],
    ['the environment in a core', 'worker/core/a.ts', "const home = process.env['HOME']", 'uses process'],
    ['logging in a core', 'worker/core/a.ts', "console.log('x')", 'uses console'],
    ['the network in a core', 'worker/core/a.ts', "fetch('http://localhost')", 'uses fetch'],
    ['waiting in a core', 'worker/core/a.ts', 'export const f = async () => { await g() }', 'uses await'],
    [
      'impure code inside a template',
      'worker/core/a.ts',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is a source text
      'const s = `at ${`${Date.now()}`}`',
      'uses Date.now',
    ],
  ])('catches %s', (_rule, path, source, problem) => {
    expect(check({ [path]: source }).join('\n')).toContain(problem);
  });

  test('catches an import cycle and names its files', () => {
    const cycle = {
      'clock/a.ts': "import { b } from './b.ts'",
      'clock/b.ts': "import { c } from './c.ts'",
      'clock/c.ts': "export { a } from './a.ts'",
    };
    expect(check(cycle)).toEqual(['import cycle: clock/a.ts -> clock/b.ts -> clock/c.ts -> clock/a.ts']);
  });

  test.each<[what: string, path: string, source: string]>([
    ['imports that point down', 'worker/a.ts', "import { x } from '../codec/b.ts'\nimport { z } from 'zod'"],
    [
      'an adapter loaded by the queue',
      'queue/a.ts',
      "const x = await import('../kafka/confluent/driver.ts')",
    ],
    ['an adapter that uses the port', 'kafka/memory/a.ts', "import type { Reader } from '../port.ts'"],
    [
      'forbidden words in comments',
      'worker/core/a.ts',
      '// await Date.now()\n/* setTimeout */ export const x = 1',
    ],
    [
      'forbidden words in strings',
      'worker/core/a.ts',
      'const s = \'import x from "zod"; await Date.now()\' + `console.log`',
    ],
    ['forbidden words in regular expressions', 'worker/core/a.ts', 'const r = /await ["\'`]/.test(x)'],
    ['division beside quotes', 'worker/core/a.ts', "const half = (a) / 2 + b / c; const s = 'await'"],
    ['types that refer to each other', 'clock/a.ts', "import type { B } from './a.ts'"],
    ['test files', 'worker/core/a.test.ts', "import { x } from 'vitest'; await x"],
  ])('lets pass %s', (_what, path, source) => {
    expect(check({ [path]: source })).toEqual([]);
  });
});

test.each(['src', 'test'])('no property of %s/ looks at less than it says', (folder) => {
  const sources = sourcesOf(folder);
  expect([...sources.values()].some((text) => text.includes("from 'fast-check'"))).toBe(true);
  expect(checkProperties(sources)).toEqual([]);
});

describe('the checker of properties', () => {
  const check = (code: string): string[] =>
    checkProperties(new Map([['a.test.ts', `import fc from 'fast-check';\n${code}`]]));

  test.each([
    ['fc.array(fc.nat(), { maxLength: 11 })', '11'],
    ['fc.string({ minLength: 1, maxLength: 2_000 })', '2000'],
    ['fc.array(fc.nat(), { maxLength: most })', 'maxLength without'],
    ['fc.array(fc.nat(), { maxLength })', 'maxLength without'],
    ["fc.array(fc.nat(), { maxLength: 20, size: 'small' })", '20'],
    ["fc.array(fc.string({ maxLength: 20, size: 'max' }), { maxLength: 30 })", '30'],
    ["fc.record({ a: fc.string({ maxLength: 20 }), b: fc.string({ size: 'max', maxLength: 30 }) })", '20'],
  ])('catches %s', (code, said) => {
    expect(check(code)).toEqual([expect.stringContaining(said)]);
  });

  test.each([
    'fc.array(fc.nat(), { maxLength: 10 })',
    "fc.array(fc.nat(), { size: 'max', maxLength: 2_000 })",
    "fc.array(fc.string({ maxLength: 5 }), { maxLength: most, size: 'max', selector: ({ x }) => x })",
    '// maxLength: 200',
  ])('lets pass %s', (code) => {
    expect(check(code)).toEqual([]);
  });

  test('leaves other packages alone', () => {
    expect(checkProperties(new Map([['a.ts', 'const x = { maxLength: 20 }']]))).toEqual([]);
  });
});
