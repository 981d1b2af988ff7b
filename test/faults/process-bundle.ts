import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

export type ProcessName = 'worker-process' | 'producer-process' | 'idle-process';

/** Below the root, so that what is not bundled is found in its node_modules. */
const FOLDER = fileURLToPath(new URL('../../.cache/faults/', import.meta.url));

const made = new Map<ProcessName, string>();

/**
 * A process of a run and all it needs of the sources, as one file and one for each thing that few need, made once by
 * each program that starts any. It starts in a third of the time that the sources take when they are loaded one by one,
 * and runs start many.
 */
export function bundleOf(name: ProcessName): string {
  let file = made.get(name);
  if (file === undefined) {
    file = bundle(name);
    made.set(name, file);
  }
  return file;
}

function bundle(name: ProcessName): string {
  const { outputFiles } = buildSync({
    entryPoints: [fileURLToPath(new URL(`./${name}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    outdir: FOLDER,
    platform: 'node',
    format: 'esm',
    splitting: true,
    outExtension: { '.js': '.mjs' },
    target: 'node20',
    packages: 'external',
    conditions: ['keylane-source'],
    // In the file itself, so that the two are never of different runs.
    sourcemap: 'inline',
    sourcesContent: false,
  });
  mkdirSync(FOLDER, { recursive: true });
  for (const { path, contents } of outputFiles) {
    const draft = `${path}.${process.pid}`;
    // Another run may be starting processes from it. What is loaded later has its content's hash in its name.
    writeFileSync(draft, contents);
    renameSync(draft, path);
  }
  return join(FOLDER, `${name}.mjs`);
}
