import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT, runToEnd } from './processes.mjs';

const REPORTS = join(ROOT, 'reports');

/** Checks, then the tests. Everything runs even when something has failed, so that one run shows it all. */
export async function runTests({ quick }) {
  const checks = quick ? 0 : await runToEnd(process.execPath, [join(ROOT, 'scripts/check.mjs')]);
  const runs = [await runProject('unit')];
  if (!quick) runs.push(await runProject('kafka'));

  const passed = sum(runs.map((run) => run.passed));
  const failed = sum(runs.map((run) => run.failed));
  const skipped = sum(runs.map((run) => run.skipped));
  const well = checks === 0 && runs.every((run) => run.code === 0) && passed > 0 && skipped === 0;
  if (checks !== 0) console.error('\nThe checks failed; see above (npm run check).');
  if (skipped > 0) console.error('\nA skipped test counts as failed here.');
  for (const run of runs.filter((run) => run.code !== 0)) {
    console.error(`\nThe ${run.project} tests failed${run.failures.length > 0 ? ':' : '.'}`);
    for (const failure of run.failures) console.error(failure);
  }
  console.log(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return well ? 0 : 1;
}

async function runProject(project) {
  const report = join(REPORTS, `${project}.json`);
  mkdirSync(REPORTS, { recursive: true });
  rmSync(report, { force: true });
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runToEnd(process.execPath, [vitest, 'run', '--project', project, ...reporters]);
  const counts = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  const files = counts.testResults ?? [];
  return {
    project,
    code,
    passed: counts.numPassedTests ?? 0,
    failed: counts.numFailedTests ?? 0,
    skipped: (counts.numPendingTests ?? 0) + (counts.numTodoTests ?? 0),
    failures: files.flatMap(failuresOf),
  };
}

const MESSAGE_CHARS = 1_500;

/** What failed in a file, told once more at the end: between thousands of lines nobody finds it. */
function failuresOf(file) {
  const name = relative(ROOT, file.name);
  const tests = file.assertionResults.filter(({ status }) => status === 'failed');
  const told = tests.map(
    (test) => `- ${name} > ${test.fullName}\n${indented(test.failureMessages.join('\n'))}`,
  );
  if (file.status !== 'failed') return told;
  const ofFile = file.message || (told.length === 0 ? 'a hook of it failed, see above' : '');
  return ofFile === '' ? told : [...told, `- ${name}\n${indented(ofFile)}`];
}

function indented(text) {
  return text.slice(0, MESSAGE_CHARS).replace(/^/gm, '    ');
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}
