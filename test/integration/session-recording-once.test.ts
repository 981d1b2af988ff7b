import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, inject, it, type TestContext, vi } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = 'examples/session-recording/main.ts';

/** Each runs the example as processes of their own, in a folder of their own, and waits for most of its time. */
vi.setConfig({ maxConcurrency: 3 });

/** The example, started in a folder of its own. What is left of it when the test has ended is killed. */
async function started({ onTestFinished }: TestContext, args: readonly string[], brokers = '') {
  const dir = await mkdtemp(join(tmpdir(), 'keylane-once-test-'));
  const child = spawn(
    process.execPath,
    ['--conditions=keylane-source', '--import', 'tsx', main, '--dir', dir, ...args],
    {
      cwd: root,
      env: { ...process.env, KAFKA_BROKERS: brokers },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      for (const heard of listeners) heard();
    });
  }
  const ended = new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(dir, { recursive: true });
  });
  const said = (words: string) =>
    new Promise<void>((resolve) => {
      const heard = () => {
        if (output.includes(words)) resolve();
      };
      listeners.add(heard);
      heard();
    });
  return { child, ended, said };
}

describe.concurrent('the session recording example', () => {
  it('proves every recording complete and in order on embedded Kafka', async (t) => {
    const { code, output } = await (await started(t, ['--once'])).ended;
    t.expect(output).toContain('Every recording is complete, stored once, and in order.');
    t.expect(output).toContain('worker-2 had');
    t.expect(output).not.toContain('    at '); // no stack trace
    t.expect(code).toBe(0);
  });

  it('proves the same on the cluster that KAFKA_BROKERS names', async (t) => {
    const brokers = inject('kafkaBrokers');
    const { code, output } = await (await started(t, ['--once'], brokers)).ended;
    t.expect(output).toContain(`Kafka: ${brokers.split(',').join(', ')}`);
    t.expect(output).toContain('Every recording is complete, stored once, and in order.');
    t.expect(code).toBe(0);
  });

  it.for([
    ['missing', 'missing in storage: chunk'],
    ['doubled', 'stored more than once: chunk'],
    ['reordered', 'not in order'],
  ] as const)('fails when a chunk is %s in storage', async ([defect, complaint], t) => {
    const { code, output } = await (await started(t, ['--once', '--inject', defect])).ended;
    t.expect(output).toContain('NOT PROVED');
    t.expect(output).toContain(complaint);
    t.expect(code).toBe(1);
  });

  it('serves the page until Ctrl-C, then drains and ends well', async (t) => {
    const { child, ended, said } = await started(t, ['--port', '0']);
    await Promise.race([said('Ctrl-C drains'), ended]);
    child.kill('SIGINT');
    const { code, output } = await ended;
    t.expect(output).toContain('Drained. Goodbye.');
    t.expect(code).toBe(0);
  });

  it('says in plain words that a port is in use', async (t) => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo; // it listens on TCP
    const { code, output } = await (await started(t, ['--port', String(port)])).ended;
    await new Promise((resolve) => other.close(resolve));
    t.expect(output).toContain(`Port ${port} of 127.0.0.1 is in use.`);
    t.expect(output).not.toContain('    at ');
    t.expect(code).toBe(2);
  });

  it('says in plain words that a broker cannot be reached', async (t) => {
    const { code, output } = await (await started(t, ['--once'], '127.0.0.1:1')).ended;
    t.expect(output).toContain('KAFKA_UNREACHABLE');
    t.expect(output).not.toContain('    at ');
    t.expect(code).toBe(1);
  });
});
