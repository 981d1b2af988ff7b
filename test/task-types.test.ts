import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

/**
 * The files in test/types compile, because every line that must not compile is expected not to. Here they are compiled
 * again without those expectations, to see that the compiler's words are the ones a user needs.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const typesFolder = join(root, 'test/types');
const marker = /^\s*\/\/ @ts-expect-error says (.*)$/;

let folder = '';
/** What the compiler says, by `file:line` of the copies. */
let said = new Map<string, string>();
const expected: { readonly at: string; readonly words: string }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keylane-types-'));
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const file of await readdir(typesFolder)) await copyWithoutExpectations(file);
  await copyExamples(join(root, 'docs/tasks.md'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const options = { rewriteRelativeImportExtensions: false, allowImportingTsExtensions: true };
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: options,
    include: ['*.ts'],
    exclude: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  said = messagesByLine(await compile());
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('every line that must not compile says why in the words we chose', () => {
  expect(expected.length).toBeGreaterThan(15);
  for (const { at, words } of expected) expect(said.get(at), `${at} should say: ${words}`).toContain(words);
});

test('nothing else fails to compile, nor do the examples of docs/tasks.md', () => {
  expect([...said.keys()].sort()).toEqual(expected.map(({ at }) => at).sort());
});

/** Blanks the expectations, so that lines keep their numbers, and points the imports at the sources. */
async function copyWithoutExpectations(file: string): Promise<void> {
  const source = await readFile(join(typesFolder, file), 'utf8');
  const lines = source.split('\n').map((line, index) => {
    const words = marker.exec(line)?.[1];
    if (words !== undefined) expected.push({ at: `${file}:${index + 2}`, words });
    return words === undefined ? line.replace("'../../src/", `'${root}src/`) : '';
  });
  await writeFile(join(folder, file), lines.join('\n'));
}

/** The examples of the documentation, a file each; the first is the task map that another imports. */
async function copyExamples(document: string): Promise<void> {
  const text = await readFile(document, 'utf8');
  const examples = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  expect(examples.length).toBeGreaterThan(2);
  for (const [index, code] of examples.entries()) {
    const name = index === 0 ? 'tasks.ts' : `example-${index}.ts`;
    await writeFile(join(folder, name), code.replace("'keylane'", `'${root}src/index.ts'`));
  }
}

function compile(): Promise<string> {
  const tsc = join(root, 'node_modules/.bin/tsc');
  return new Promise((resolve) => {
    execFile(tsc, ['--noEmit', '--pretty', 'false', '-p', folder], { cwd: folder }, (_error, stdout) =>
      resolve(stdout),
    );
  });
}

function messagesByLine(output: string): Map<string, string> {
  const messages = new Map<string, string>();
  let at = '';
  for (const line of output.split('\n')) {
    const start = /^([^\s(]+)\((\d+),\d+\): error/.exec(line);
    if (start !== null) at = `${start[1]}:${start[2]}`;
    if (at !== '' && line !== '') messages.set(at, `${messages.get(at) ?? ''}${line}\n`);
  }
  return messages;
}
