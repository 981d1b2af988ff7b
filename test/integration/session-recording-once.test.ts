import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));
const main = 'examples/session-recording/main.ts';

describe('the session recording example', () => {
  const running = new Set<ChildProcess>();
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'keylane-once-test-'));
  });
  afterEach(async () => {
    for (const child of running) child.kill('SIGKILL');
    running.clear();
    await rm(dir, { recursive: true });
  });

  function start(args: readonly string[], brokers = '') {
    const child = spawn(
      process.execPath,
      ['--conditions=keylane-source', '--import', 'tsx', main, '--dir', dir, ...args],
      {
        cwd: root,
        env: { ...process.env, KAFKA_BROKERS: brokers },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    running.add(child);
    let output = '';
    const listeners = new Set<() => void>();
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        for (const heard of listeners) heard();
      });
    }
    const ended = new Promise<{ readonly code: number | null; readonly output: string }>((resolve) => {
      child.on('close', (code) => {
        running.delete(child);
        resolve({ code, output });
      });
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

  test('proves every recording complete and in order on embedded Kafka', async () => {
    const { code, output } = await start(['--once']).ended;
    expect(output).toContain('Every recording is complete, stored once, and in order.');
    expect(output).toContain('worker-2 had');
    expect(output).not.toContain('    at '); // no stack trace
    expect(code).toBe(0);
  });

  test('proves the same on the cluster that KAFKA_BROKERS names', async () => {
    const brokers = inject('kafkaBrokers');
    const { code, output } = await start(['--once'], brokers).ended;
    expect(output).toContain(`Kafka: ${brokers.split(',').join(', ')}`);
    expect(output).toContain('Every recording is complete, stored once, and in order.');
    expect(code).toBe(0);
  });

  test.each([
    ['missing', 'missing in storage: chunk'],
    ['doubled', 'stored more than once: chunk'],
    ['reordered', 'not in order'],
  ])('fails when a chunk is %s in storage', async (defect, complaint) => {
    const { code, output } = await start(['--once', '--inject', defect]).ended;
    expect(output).toContain('NOT PROVED');
    expect(output).toContain(complaint);
    expect(code).toBe(1);
  });

  test('serves the page until Ctrl-C, then drains and ends well', async () => {
    const { child, ended, said } = start(['--port', '0']);
    await Promise.race([said('Ctrl-C drains'), ended]);
    child.kill('SIGINT');
    const { code, output } = await ended;
    expect(output).toContain('Drained. Goodbye.');
    expect(code).toBe(0);
  });

  test('says in plain words that a port is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo; // it listens on TCP
    const { code, output } = await start(['--port', String(port)]).ended;
    await new Promise((resolve) => other.close(resolve));
    expect(output).toContain(`Port ${port} of 127.0.0.1 is in use.`);
    expect(output).not.toContain('    at ');
    expect(code).toBe(2);
  });

  test('says in plain words that a broker cannot be reached', async () => {
    const { code, output } = await start(['--once'], '127.0.0.1:1').ended;
    expect(output).toContain('KAFKA_UNREACHABLE');
    expect(output).not.toContain('    at ');
    expect(code).toBe(1);
  });
});
