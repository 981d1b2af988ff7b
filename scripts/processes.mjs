import { spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** The project's root folder; everything runs there. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * Runs a command with this process's own input and output, and waits for its end whatever signal arrives: a Ctrl-C
 * reaches the child too, which may have work to finish. Resolves with its exit code.
 */
export function runToEnd(command, words, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd: ROOT, stdio: 'inherit', ...options });
    const forward = (signal) => {
      // A terminal sends its Ctrl-C to the child as well; a second one would mean "at once".
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const settle = (code) => {
      for (const signal of signals) process.off(signal, forward);
      resolve(code);
    };
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      settle(127);
    });
    child.on('exit', (code, signal) => settle(code ?? 128 + constants.signals[signal]));
  });
}

/** Runs a command quietly. Resolves with its exit code and all it said. */
export function runQuietly(command, words, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, words, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const chunks = [];
    child.stdout.on('data', (chunk) => chunks.push(chunk));
    child.stderr.on('data', (chunk) => chunks.push(chunk));
    child.on('error', (error) => resolve({ code: 127, output: error.message }));
    child.on('close', (code) => resolve({ code: code ?? 1, output: Buffer.concat(chunks).toString() }));
  });
}

/** Whether a command runs and ends well. */
export function works(command, words, input) {
  return spawnSync(command, words, { input: input ?? '', stdio: ['pipe', 'ignore', 'ignore'] }).status === 0;
}
