import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './install.mjs';
import { howToGet, missing, TO_TEST } from './prerequisites.mjs';
import { ROOT, runToEnd } from './processes.mjs';
import { runTests } from './test.mjs';

/**
 * What `npm start`, `npm test` and `npm run dev` begin with. Needs nothing but Node, so that each of them works as the
 * first command after a clone:
 *
 *   start [args]      the session recording example
 *   test [--quick]    checks, unit tests and tests on real Kafka; --quick: unit tests only
 *   run <bin> [args]  a program of the installed packages
 */
const [verb, ...words] = process.argv.slice(2);

const VERBS = {
  start: () => runToEnd(process.execPath, [...SOURCE, 'examples/session-recording/main.ts', ...words]),
  test: () => runTests({ quick: words.includes('--quick') }),
  run: () => runToEnd(join(ROOT, 'node_modules/.bin', words[0] ?? ''), words.slice(1)),
};

/** Runs TypeScript, and takes `keylane` from src/ without a build. */
const SOURCE = ['--conditions=keylane-source', '--import', 'tsx'];

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(
    `keylane needs Node 20.19 or newer; this is ${process.version}. Get it from nodejs.org, or with a version manager: nvm install 22`,
  );
}

/** Says at once, not after minutes, what the whole test suite will lack. */
function requireTestTools() {
  if (verb !== 'test' || words.includes('--quick')) return;
  const brokersGiven = (process.env.KAFKA_BROKERS ?? '') !== '';
  const lacking = missing(brokersGiven ? TO_TEST.filter((name) => name !== 'openssl') : TO_TEST);
  if (lacking.length > 0) throw new Error(`The tests need what is missing here:\n${howToGet(lacking)}`);
}

try {
  if (!Object.hasOwn(VERBS, verb ?? ''))
    throw new Error('usage: node scripts/bootstrap.mjs start|test|run [args]');
  if (!existsSync(join(ROOT, 'package-lock.json')))
    throw new Error('package-lock.json is missing: clone again');
  requireNode();
  requireTestTools();
  await installPackages();
  process.exitCode = await VERBS[verb]();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
