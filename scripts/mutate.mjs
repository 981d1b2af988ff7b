import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, SIMULATION } from './mutation/bundle.mjs';
import { instrument } from './mutation/instrument.mjs';
import { judgeAll } from './mutation/judging.mjs';
import { listOf, scoreOf, tableOf } from './mutation/report.mjs';
import { ROOT } from './processes.mjs';

/**
 * `npm run mutate -- [--files PATH...] [--list] [--min SCORE] [--workers N] [--slow]`: breaks the code that decides, or deletes, in every small
 * way that Stryker knows, and says which of these mutants the tests beside that code do not notice.
 */
const FOLDERS = ['src/worker/core', 'src/worker/retention', 'src/journal'];

/**
 * A test that takes longer is run for the mutants of the file it lies beside, and for others with `--slow` only: it would
 * run once for every mutant that lives.
 */
const SLOW_MS = 150;

const { values, positionals } = parseArgs({
  allowPositionals: true, // what a shell makes of `--files src/worker/core/p*.ts`
  options: {
    files: { type: 'string', multiple: true },
    slow: { type: 'boolean' },
    list: { type: 'boolean' },
    min: { type: 'string' },
    workers: { type: 'string' },
  },
});
const patterns = [...(values.files ?? []), ...positionals].flatMap((text) => text.split(','));
const min = wholeNumber('--min', values.min, 0);
const workers = wholeNumber('--workers', values.workers, patterns.length > 0 ? 1 : 2);

function wholeNumber(flag, text, otherwise) {
  const value = text === undefined ? otherwise : Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`${flag} takes a whole number, got ${text}`);
  return value;
}

const sourceFiles = FOLDERS.flatMap((folder) => {
  return readdirSync(join(ROOT, folder), { recursive: true }).map((name) => `${folder}/${name}`);
}).filter((path) => path.endsWith('.ts'));
const tests = sourceFiles.filter((path) => path.endsWith('.test.ts'));
const chosen = sourceFiles.filter((path) => !path.endsWith('.test.ts') && isWanted(path));

function isWanted(path) {
  return patterns.length === 0 || patterns.some((pattern) => patternOf(pattern).test(path));
}

/** `*` is any part of a name, `**` any part of a path; the name of a file alone will do. */
function patternOf(text) {
  const parts = relative(ROOT, join(ROOT, text)).split(/(\*+)/);
  const escaped = parts.map((part) => {
    if (part.startsWith('*')) return part === '*' ? '[^/]*' : '.*';
    return part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^(.*/)?${escaped.join('')}$`);
}

function isSimulation({ file }) {
  return file === relative(ROOT, SIMULATION);
}

function endedBy(signal) {
  console.error(`ended by ${signal} before all mutants were judged`);
  process.exit(1);
}

async function main() {
  if (chosen.length === 0) throw new Error(`no file of ${FOLDERS.join(', ')} matches ${patterns.join(' ')}`);
  const startMs = performance.now();
  const { sources, mutants } = await instrument(chosen);
  const folder = mkdtempSync(join(tmpdir(), 'keylane-mutants-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.on('exit', removeFolder);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => endedBy(signal));

  const outFile = join(folder, 'tests.cjs');
  await bundle({ tests: [...tests.map((path) => join(ROOT, path)), SIMULATION], sources, outFile });
  const results = mutants.filter(({ ignored }) => ignored).map((mutant) => ({ mutant, status: 'ignored' }));
  const ran = await judgeAll({
    bundle: outFile,
    mutants: mutants.filter(({ ignored }) => !ignored),
    workers: Math.max(1, workers),
    isLast: isSimulation,
    limitMs: values.slow ? Number.POSITIVE_INFINITY : SLOW_MS,
    report: (mutant, status, by) => {
      results.push({ mutant, status, by });
      if (results.length % 200 === 0) console.error(`${results.length} of ${mutants.length} mutants`);
    },
  });

  const failing = ran.filter(({ failure }) => failure !== undefined);
  for (const { file, name, failure } of failing)
    console.error(`fails without a mutant, left out: ${file}: ${name}\n  ${failure}`);
  if (values.list) console.log(`${listOf(results)}\n`);
  console.log(tableOf(results));
  const score = scoreOf(results);
  const late = results.filter(({ by }) => by !== undefined && isSimulation(ran[by])).length;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  console.log(`\n${mutants.length} mutants, ${ran.length} tests, ${seconds} s: score ${score.toFixed(1)}`);
  console.log(`${late} mutants were noticed by the simulation alone.`);
  if (score < min) console.error(`The score is below ${min}.`);
  return score < min || failing.length > 0 ? 1 : 0;
}

process.exitCode = await main();
