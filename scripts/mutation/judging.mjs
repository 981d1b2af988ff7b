import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const RUNNER = fileURLToPath(new URL('runner.mjs', import.meta.url));
/** A mutant may also eat all memory; then its process ends, and the machine lives. */
const FLAGS = ['--max-old-space-size=1024'];
/** Each test has its own limit inside the process. This one is for what that cannot interrupt. */
const SILENCE_MS = 900_000;

/** The number of no mutant: under it all tests must pass, or the verdicts mean nothing. */
const NONE = -2;

class Runner {
  #bundle;
  #process;

  constructor(bundle) {
    this.#bundle = bundle;
  }

  /** The answer, or undefined when the mutant has taken all memory or all time. */
  async ask(message) {
    this.#process ??= fork(RUNNER, [this.#bundle], {
      execArgv: FLAGS,
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    const child = this.#process;
    const said = [];
    const hear = (text) => said.push(text);
    child.stderr.on('data', hear);
    child.send(message);
    const answer = await answerOf(child);
    child.stderr.off('data', hear);
    if (answer.kind === 'message') return answer.value;
    this.stop();
    if (answer.kind === 'exit' && answer.code === 1)
      throw new Error(`the test runner broke: ${said.join('')}`);
    return undefined;
  }

  stop() {
    this.#process?.kill('SIGKILL');
    this.#process = undefined;
  }
}

async function answerOf(child) {
  const over = new AbortController();
  const { signal } = over;
  try {
    return await Promise.race([
      once(child, 'message', { signal }).then(([value]) => ({ kind: 'message', value })),
      once(child, 'exit', { signal }).then(([code]) => ({ kind: 'exit', code })),
      sleep(SILENCE_MS, { kind: 'silence' }, { signal }),
    ]);
  } finally {
    over.abort();
  }
}

/**
 * Judges every mutant with as many processes as there are workers; `report` is told of each. Resolves with the tests as
 * they ran without a mutant.
 */
export async function judgeAll({ bundle, mutants, workers, isLast, limitMs, report }) {
  const runners = Array.from({ length: workers }, () => new Runner(bundle));
  try {
    const measured = await runners[0].ask({ kind: 'measure' });
    if (measured === undefined || measured.tests.length === 0)
      throw new Error('no test can be run without a mutant');
    const { tests, atLoading } = measured;
    const order = orderOf(tests, isLast);
    const known = { order, atLoading: new Set(atLoading), limitMs };
    const left = mutants.map((mutant) => ({ mutant, work: workOn(mutant, known) }));
    await Promise.all(runners.map((runner) => judgeInTurn({ runner, tests, order, left, report })));
    return tests;
  } finally {
    for (const runner of runners) runner.stop();
  }
}

async function judgeInTurn({ runner, tests, order, left, report }) {
  await expectAllWell(runner, tests, order);
  for (let next = left.shift(); next !== undefined; next = left.shift()) {
    const { mutant, work } = next;
    if (work.runs.length === 0) report(mutant, 'no coverage');
    else {
      const verdict = await runner.ask({ kind: 'judge', id: mutant.id, ...work });
      report(mutant, verdict?.status ?? 'timeout', verdict?.by);
    }
  }
  await expectAllWell(runner, tests, order); // or a mutant has left something behind for those after it
}

async function expectAllWell(runner, tests, order) {
  const runs = order
    .filter(({ tookMs }) => tookMs < 50)
    .map(({ index, tookMs }) => ({ index, tookMs, hits: 0 }));
  const verdict = await runner.ask({ kind: 'judge', id: NONE, isStatic: false, runs });
  if (verdict?.status === 'survived') return;
  const { file, name } = tests[verdict?.by] ?? {};
  throw new Error(`a test that passed fails now, without a mutant: ${file}: ${name}`);
}

/** The tests that can be used, quickest first, the simulation last. */
function orderOf(tests, isLast) {
  return tests
    .map(({ file, tookMs, reached }, index) => ({ index, file, tookMs, reached: new Map(reached) }))
    .filter(({ index }) => tests[index].failure === undefined)
    .sort((a, b) => Number(isLast(a)) - Number(isLast(b)) || a.tookMs - b.tookMs);
}

/** The tests that reach a mutant. What is run while modules load may show in any test. */
function workOn({ id, file }, { order, atLoading, limitMs }) {
  const isStatic = atLoading.has(id);
  const ownTests = file.replace(/\.ts$/, '.test.ts');
  const runs = order
    .filter(({ reached }) => isStatic || reached.has(id))
    .filter((test) => test.tookMs <= limitMs || test.file === ownTests)
    .map(({ index, tookMs, reached }) => ({ index, tookMs, hits: reached.get(id) ?? 0 }));
  return { isStatic, runs };
}
