import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runQuietly } from './processes.mjs';

/** `npm run check`: everything about the code that can be known without running it, two at a time. */
const CHECKS = [
  { name: 'types', steps: [['tsc', '--noEmit', '-p', '.']] },
  { name: 'format and lint (biome)', steps: [['biome', 'check', '--error-on-warnings', '.']] },
  { name: 'lint with types (oxlint)', steps: [['oxlint', '--type-aware', '--deny-warnings']] },
  { name: 'dead code (knip)', steps: [['knip']] },
  {
    name: 'package shape (build, publint, attw)',
    before: () => rmSync(join(ROOT, 'dist'), { recursive: true, force: true }),
    steps: [
      ['tsc', '-p', 'tsconfig.build.json'],
      ['publint', '--strict'],
      ['attw', '--pack', '.', '--profile', 'esm-only'],
    ],
  },
];

async function check({ name, before, steps }) {
  const startedMs = performance.now();
  before?.();
  for (const [bin, ...words] of steps) {
    const { code, output } = await runQuietly(join(ROOT, 'node_modules/.bin', bin), words);
    if (code === 0) continue;
    console.log(`FAILED  ${name}: ${bin}\n${output}`);
    return false;
  }
  console.log(`ok      ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`);
  return true;
}

async function checkInTurn(left, results) {
  for (let next = left.shift(); next !== undefined; next = left.shift()) results.push(await check(next));
}

const left = [...CHECKS];
const results = [];
await Promise.all([checkInTurn(left, results), checkInTurn(left, results)]);
process.exitCode = results.every(Boolean) ? 0 : 1;
