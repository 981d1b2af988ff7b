import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import vm from 'node:vm';
import fc from 'fast-check';
import { ROOT } from '../processes.mjs';

/**
 * One process that runs tests against mutants. `node runner.mjs BUNDLE`, then a message for each thing to do.
 */

/** A mutant may pass its own place this much more often than the right code does; then it is going round in circles. */
const HITS_FACTOR = 20;
const HITS_MORE = 20_000;
/** And a test may take this much more of a processor's time. */
const TIME_FACTOR = 10;
const TIME_MORE_MS = 1_000;

Error.stackTraceLimit = 0; // a stack is the dearest part of an assertion that fails, and nobody reads it here
fc.configureGlobal({ seed: 1, endOnFailure: true });

const require = createRequire(join(ROOT, 'package.json'));
const text = readFileSync(process.argv[2], 'utf8');
const script = new vm.Script(text.replaceAll(/\bstryCov_9fa48\([\d, ]*\)/g, '0')); // asking what is reached takes time
const callTest = new vm.Script('mutationTest()');
/** How often it is looked at whether a test that waits still can come to its end. */
const LOOK_MS = 20;
/** What can settle a promise. */
const GOES_ON = /^(?:Immediate|Timeout|FSReq.*)$/;
/** What became of a test that did not come to an end. */
const ENDLESS = 'does not end';
const mutation = { active: -1, hits: 0, hitLimit: Number.POSITIVE_INFINITY, reached: undefined };

/** Evaluates the whole bundle anew: what a module computes when it is loaded is computed under the mutant. */
function load(of = script) {
  return of.runInThisContext()(require, { exports: {} }, mutation);
}

/** What is reached while the modules load, and by each test. */
async function measureAll() {
  mutation.reached = new Map();
  const tests = load(new vm.Script(text));
  const atLoading = [...mutation.reached.keys()];
  const measured = [];
  for (const test of tests) measured.push(await measure(test));
  return { atLoading, tests: measured };
}

/** Runs one test without a mutant: how long it takes, what it reaches, how it fails. */
async function measure(test) {
  mutation.reached = new Map();
  const startMs = processorMs();
  const failure = await failureOf(test, 600_000);
  const tookMs = processorMs() - startMs;
  const reached = [...mutation.reached];
  mutation.reached = undefined;
  return { file: test.file, name: test.name, tookMs, reached, failure };
}

/** How the test fails, if it does. Anything else that goes wrong here ends the process: it must not pass for a failure. */
async function failureOf(test, limitMs) {
  let failure;
  let waiting;
  globalThis.mutationTest = () => {
    try {
      waiting = test.run();
    } catch (error) {
      failure = wordsOf(error);
    }
  };
  // The clock stops a test, but the clock also goes on while other processes have the processor: then it gets more time.
  for (let timeout = Math.ceil(limitMs); ; timeout *= 4) {
    const startMs = processorMs();
    failure = undefined;
    if (isEndedWithin(timeout)) break;
    if (processorMs() - startMs >= limitMs / 2) return ENDLESS;
    mutation.hits = 0;
  }
  if (failure === undefined && waiting instanceof Promise) failure = await endOf(waiting, limitMs);
  return mutation.hits > mutation.hitLimit ? ENDLESS : failure;
}

/** The same of a test that waits: until it has settled, has had its time, or nothing is left that could go on. */
async function endOf(waiting, limitMs) {
  const startMs = processorMs();
  const isIdle = () => process.getActiveResourcesInfo().filter((name) => GOES_ON.test(name)).length <= 1; // that looks
  let timer;
  const given = new Promise((resolve) => {
    fail = (error) => resolve(wordsOf(error));
    const look = () => {
      if (isIdle() || processorMs() - startMs >= limitMs) resolve(ENDLESS);
      else timer = setTimeout(look, LOOK_MS);
    };
    timer = setTimeout(look, LOOK_MS);
  });
  const ended = waiting.then(() => undefined, wordsOf);
  try {
    return await Promise.race([ended, given]);
  } finally {
    clearTimeout(timer);
    fail = undefined;
  }
}

/** How what a test left to itself fails it: a promise that nobody hears, a callback that throws. */
let fail;
for (const name of ['unhandledRejection', 'uncaughtException']) {
  process.on(name, (error) => {
    if (fail !== undefined) fail(error);
    else if (mutation.active < 0) throw error; // no mutant can have done that
  });
}

function wordsOf(error) {
  return String(error?.message ?? error);
}

function isEndedWithin(timeout) {
  try {
    callTest.runInThisContext({ timeout });
    return true;
  } catch (error) {
    if (error.code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    return false;
  }
}

function processorMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** Whether a test tells the mutant from the right code, and the first that does. */
async function judge({ id, isStatic, runs }) {
  activate(id, 0);
  const tests = isStatic ? loadOrUndefined() : loaded;
  if (tests === undefined) return { status: 'killed' };
  for (const { index, hits, tookMs } of runs) {
    const test = tests[index];
    if (test === undefined) continue; // a table of tests that is shorter under this mutant
    activate(id, hits);
    const failure = await failureOf(test, tookMs * TIME_FACTOR + TIME_MORE_MS);
    if (failure !== undefined) return { status: failure === ENDLESS ? 'timeout' : 'killed', by: index };
  }
  return { status: 'survived' };
}

function activate(id, hits) {
  mutation.active = id;
  mutation.hits = 0;
  mutation.hitLimit = hits * HITS_FACTOR + HITS_MORE;
}

function loadOrUndefined() {
  try {
    return load();
  } catch {
    return undefined;
  }
}

const loaded = load();
const answers = { measure: measureAll, judge };

process.on('message', async (message) => process.send(await answers[message.kind](message)));
process.on('disconnect', () => process.exit());
