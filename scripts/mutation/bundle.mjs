import { readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { ROOT } from '../processes.mjs';

const HERE = join(ROOT, 'scripts/mutation');
const TEST_API = join(HERE, 'test-api.mjs');
export const SIMULATION = join(HERE, 'simulation.mjs');

/** Writes one script that holds the tests, all they import, and the instrumented sources in place of the real ones. */
export async function bundle({ tests, sources, outFile }) {
  const lines = tests.map((path) => `import ${JSON.stringify(path)};`);
  lines.push(`export { tests } from ${JSON.stringify(TEST_API)};`);
  const result = await build({
    stdin: { contents: lines.join('\n'), resolveDir: ROOT, loader: 'js' },
    bundle: true,
    write: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    ignoreAnnotations: true, // the package says that its files have no side effects; tests have
    inject: [join(HERE, 'switch.mjs')],
    plugins: [ownVitest, shortProperties, sourcesOf(sources)],
    logLevel: 'error',
  });
  const code = result.outputFiles[0].text;
  await writeFile(outFile, `(function (require, module, mutation) {${code}\nreturn module.exports.tests;})`);
}

/** Each file gets a `vitest` of its own, which knows whose tests it is told of. */
const ownVitest = {
  name: 'own-vitest',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^vitest$/ }, ({ importer }) => ({ path: importer, namespace: 'vitest' }));
    onLoad({ filter: /.*/, namespace: 'vitest' }, ({ path }) => {
      const contents = [
        `import { testApiOf } from ${JSON.stringify(TEST_API)};`,
        `export const { describe, it, test, expect } = testApiOf(${JSON.stringify(relative(ROOT, path))});`,
      ];
      return { contents: contents.join('\n'), resolveDir: ROOT };
    });
  },
};

/** A property that breaks at all mostly breaks soon: no test asks more of fast-check here than it would by itself. */
const shortProperties = {
  name: 'short-properties',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^fast-check$/, namespace: 'file' }, ({ path }) => ({
      path,
      namespace: 'short-properties',
    }));
    onLoad({ filter: /.*/, namespace: 'short-properties' }, () => {
      const contents = `
        import fc from 'fast-check';
        const short = (given) => ({ ...given, numRuns: Math.min(given?.numRuns ?? 100, 100) });
        export default { ...fc, assert: (property, given) => fc.assert(property, short(given)) };`;
      return { contents, resolveDir: ROOT };
    });
  },
};

function sourcesOf(sources) {
  return {
    name: 'instrumented-sources',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = sources.get(path) ?? (await readFile(path, 'utf8'));
        const url = JSON.stringify(pathToFileURL(path).href);
        return { contents: text.replaceAll('import.meta.url', url), loader: 'ts' };
      });
    },
  };
}
