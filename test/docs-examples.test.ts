import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * The README's and some pages' examples as a user would have them: a project with `keylane` among its packages, each
 * block a file named by its first line.
 */
const root = fileURLToPath(new URL('..', import.meta.url));
const compiledPages = [
  'README.md',
  'docs/tasks.md',
  'docs/connecting.md',
  'docs/topics.md',
  'docs/failures.md',
  'docs/working.md',
  'docs/guarantees.md',
  'docs/large-tasks.md',
  'docs/compression.md',
  'docs/retention.md',
];
const linkedPages = [
  ...compiledPages,
  'CHANGELOG.md',
  'docs/architecture.md',
  'docs/producing.md',
  'docs/rebalancing.md',
  'docs/testing.md',
  'docs/wire-format.md',
  'examples/README.md',
];

let folder = '';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keylane-docs-'));
  await mkdir(join(folder, 'node_modules'));
  await symlink(root, join(folder, 'node_modules/keylane'));
  await mkdir(join(folder, 'node_modules/@aws-sdk'));
  for (const name of ['zod', '@types', '@aws-sdk/client-s3'])
    await symlink(join(root, 'node_modules', name), join(folder, 'node_modules', name));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  for (const page of compiledPages) await writeExamples(page);
  await writeFile(join(folder, 'connecting', 'aws.d.ts'), AWS_SIGNER);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** What of AWS's package docs/connecting.md uses; the package is not one of ours. */
const AWS_SIGNER = `declare module 'aws-msk-iam-sasl-signer-js' {
  export function generateAuthToken(options: { region: string }): Promise<{ token: string; expiryTime: number }>;
}`;

it('the examples compile', async () => {
  const options = { rewriteRelativeImportExtensions: false, allowImportingTsExtensions: true };
  const config = {
    extends: join(root, 'tsconfig.json'),
    compilerOptions: options,
    include: ['*/*'],
    exclude: [],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(root, 'node_modules/.bin/tsc');
  const { output } = await run(tsc, ['--noEmit', '--pretty', 'false', '-p', folder]);
  expect(output).toBe('');
});

describe('the first run of the README', () => {
  it('has at most 30 lines', async () => {
    const lines = (await startProgram()).split('\n').filter((line) => line.trim() !== '');
    expect(lines.length).toBeLessThanOrEqual(30);
  });

  it('runs as it stands, ends by itself, and says what the README says, each key in its order', async () => {
    const { code, output } = await runTs(join(folder, 'README', 'start.mts'));
    expect(code, output).toBe(0);
    const said = output.trim().split('\n');
    const promised = (await blocksOf('README.md', '')).find((block) => block.includes('attempt')) ?? '';
    const wanted = promised.trim().split('\n');
    expect(wanted).toHaveLength(4);
    // Between keys there is no order.
    expect([...said].sort()).toEqual([...wanted].sort());
    const ofAlice = (lines: readonly string[]): string[] => lines.filter((line) => line.startsWith('alice'));
    expect(ofAlice(said)).toEqual(ofAlice(wanted));
  });
});

describe('the codec of docs/compression.md', () => {
  it('seals what the first example enqueues', async () => {
    const { code, output } = await runTs(join(folder, 'compression', 'sealed.mts'));
    const promised = (await blocksOf('docs/compression.md', '')).find((block) => block.includes('alice'));
    expect([code, output.trim().split('\n').sort()]).toEqual([0, promised?.trim().split('\n').sort()]);
  });

  it('gives back what it was given, to its own task and part only, with any key it has', async () => {
    const check = join(folder, 'compression', 'check.mts');
    await writeFile(check, CODEC_CHECK);
    expect(await runTs(check)).toEqual({ code: 0, output: 'all is well\n' });
  });
});

const CODEC_CHECK = `
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { aesCodec } from './aes-codec.ts';

const keys = new Map([['a', randomBytes(32)], ['b', randomBytes(32)]]);
const about = { id: 'i', type: 't', key: 'k', content: 'body', part: { upload: 'u', index: 0 } } as const;
const [a, b] = ['a', 'b'].map((current) => aesCodec({ current, byId: keys }));
for (const bytes of [Buffer.alloc(0), Buffer.from('a secret'), randomBytes(100_000)]) {
  const made = Buffer.from(await a.encode(bytes, about));
  assert.equal(made.length, bytes.length + 47);
  assert.deepEqual(await b.decode(made, about), bytes);
  assert.notDeepEqual(await a.encode(bytes, about), made);
  const others = [
    { ...about, id: 'j' }, { ...about, type: 'j' }, { ...about, key: 'j' }, { ...about, content: 'payload' as const },
    { ...about, part: undefined }, { ...about, part: { upload: 'v', index: 0 } }, { ...about, part: { upload: 'u', index: 1 } },
  ];
  for (const other of others) assert.throws(() => a.decode(made, other));
  for (let at = 0; at < made.length; at += Math.ceil(made.length / 100)) {
    const changed = Buffer.from(made);
    changed[at] ^= 1;
    assert.throws(() => a.decode(changed, about), 'byte ' + at);
    assert.throws(() => a.decode(made.subarray(0, at), about), 'cut at ' + at);
  }
  assert.throws(() => aesCodec({ current: 'b', byId: new Map([['b', keys.get('b')!]]) }).decode(made, about), {
    code: 'CODEC_KEY_MISSING', keyId: 'a',
  });
}
console.log('all is well');
`;

it.each(linkedPages)('%s links only to what exists', async (page) => {
  const text = await readFile(join(root, page), 'utf8');
  const missing: string[] = [];
  for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [path = '', anchor] = target.split('#');
    const file = path === '' ? join(root, page) : resolve(root, dirname(page), path);
    const isThere = existsSync(file);
    const anchors = isThere && anchor !== undefined ? anchorsOf(await readFile(file, 'utf8')) : [];
    if (!isThere || (anchor !== undefined && !anchors.includes(anchor))) missing.push(target);
  }
  expect(missing).toEqual([]);
});

it('the commands of the README are scripts of the package', async () => {
  const text = await readFile(join(root, 'README.md'), 'utf8');
  const { scripts } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    scripts: Readonly<Record<string, string>>;
  };
  const named = [...text.matchAll(/`npm (?:run )?(start|test|[a-z]+)(?: --[^`]*)?`/g)].map(
    ([, name = '']) => name,
  );
  expect(named.length).toBeGreaterThan(6);
  expect(named.filter((name) => scripts[name] === undefined && name !== 'install')).toEqual([]);
});

async function startProgram(): Promise<string> {
  return await readFile(join(folder, 'README', 'start.mts'), 'utf8');
}

/** Each page gets a folder, each block the file that its first line names. */
async function writeExamples(page: string): Promise<void> {
  const target = join(folder, page.replace(/^docs\//, '').replace('.md', ''));
  await mkdir(target);
  const blocks = await blocksOf(page, 'ts');
  expect(blocks.length, page).toBeGreaterThan(0);
  for (const block of blocks) {
    const name = /^\/\/ ([\w-]+\.m?ts)\n/.exec(block)?.[1];
    expect(name, `${page}: the first line of an example names its file:\n${block}`).toBeDefined();
    if (name !== undefined) await writeFile(join(target, name), block);
  }
  if (page === 'README.md') {
    // The README says that the task map is shared; it is the one of its first run.
    const [map = ''] =
      /^const tasks = \{.*?^\};$/ms.exec(await readFile(join(target, 'start.mts'), 'utf8')) ?? [];
    const imports = "import { defineTask } from 'keylane';\nimport { z } from 'zod';\n";
    await writeFile(join(target, 'tasks.ts'), `${imports}export ${map}\n`);
  }
}

async function blocksOf(page: string, language: string): Promise<string[]> {
  const text = await readFile(join(root, page), 'utf8');
  const blocks = [...text.matchAll(/^```([a-z]*)\n(.*?)^```$/gms)];
  return blocks.filter(([, found]) => found === language).map(([, , code = '']) => code);
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

async function runTs(program: string): ReturnType<typeof run> {
  const tsx = join(root, 'node_modules/tsx/dist/loader.mjs');
  return await run(process.execPath, ['--conditions=keylane-source', '--import', tsx, program]);
}

/** What it has printed; of one that has failed, or does not end, also what it complained about. */
function run(
  file: string,
  args: readonly string[],
): Promise<{ readonly code: number; readonly output: string }> {
  return new Promise((done) => {
    execFile(file, args, { cwd: folder, timeout: 150_000 }, (error, stdout, stderr) =>
      done(
        error === null
          ? { code: 0, output: stdout }
          : { code: Number(error.code ?? 1), output: `${stdout}${stderr}${error.message}` },
      ),
    );
  });
}
