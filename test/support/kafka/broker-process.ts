import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { untilStill } from '../until-still.ts';
import { yieldProcessors } from './yield-processors.ts';

/**
 * Runs a broker and outlives it, so that none is left behind: standard input is a pipe that only the test process holds
 * open, so when that process ends in whatever way, the pipe ends, the broker is killed and its data removed. The broker
 * is this shell's child, which makes its process number safe to signal until the shell has ended.
 */
const KEEPER = `
data=$1; shift
exec 3<&0 </dev/null
"$@" 3<&- >&2 &
broker=$!
echo "$broker"
{ read -r _ <&3; trap '' TERM; kill -KILL "$broker"; exit 9; } >/dev/null 2>&1 &
guard=$!
wait "$broker"
kill -TERM "$guard" 2>/dev/null
wait "$guard"
[ $? -eq 9 ] && rm -rf "$data"
exit 0
`;

export interface BrokerCommand {
  readonly command: readonly string[];
  readonly logFile: string;
  /** Removed when the test process ends without having stopped the broker. */
  readonly rootFolder: string;
}

type State =
  | { readonly kind: 'down' }
  | {
      readonly kind: 'running' | 'paused';
      readonly keeper: ChildProcess;
      readonly pid: number;
      readonly ended: Promise<void>;
    };

/** The process of one broker: started, signalled and started again. */
export class BrokerProcess {
  readonly #command: BrokerCommand;
  #state: State = { kind: 'down' };

  constructor(command: BrokerCommand) {
    this.#command = command;
  }

  get isRunning(): boolean {
    return this.#state.kind === 'running';
  }

  /** Resolves once the process exists, not when it serves. */
  async start(): Promise<void> {
    if (this.#state.kind !== 'down') return;
    const log = openSync(this.#command.logFile, 'a');
    const words = ['-c', KEEPER, 'sh', this.#command.rootFolder, ...this.#command.command];
    // In a process group of its own, so that a Ctrl-C for the tests does not reach the brokers first.
    const keeper = spawn('/bin/sh', words, { stdio: ['pipe', 'pipe', log], detached: true });
    closeSync(log);
    keeper.unref();
    const ended = once(keeper, 'exit').then(() => {
      if (this.#state.kind !== 'down' && this.#state.keeper === keeper) this.#state = { kind: 'down' };
    });
    if (keeper.stdout === null) throw new Error('the broker has no standard output');
    const [line]: unknown[] = await once(keeper.stdout, 'data');
    this.#state = { kind: 'running', keeper, pid: Number(String(line).trim()), ended };
  }

  /** SIGKILL: what the broker had not written is lost, its sockets are reset. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** SIGTERM: a controlled shutdown, leaders move away first. */
  async stop(): Promise<void> {
    this.resume();
    await this.#end('SIGTERM');
  }

  /** SIGSTOP: connections stay open and, once this has resolved, nothing answers. */
  async pause(): Promise<void> {
    if (this.#state.kind !== 'running') return;
    const { pid } = this.#state;
    process.kill(pid, 'SIGSTOP');
    this.#state = { ...this.#state, kind: 'paused' };
    await untilStill(pid);
  }

  /** SIGCONT. */
  resume(): void {
    if (this.#state.kind !== 'paused') return;
    process.kill(this.#state.pid, 'SIGCONT');
    this.#state = { ...this.#state, kind: 'running' };
  }

  /** Until it is started again. */
  async yieldProcessors(): Promise<void> {
    if (this.#state.kind !== 'down') await yieldProcessors(this.#state.pid);
  }

  /** The end of the broker's log, to be shown when it does not come up. */
  async logTail(): Promise<string> {
    return (await readFile(this.#command.logFile, 'utf8').catch(() => '')).slice(-2_000);
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.#state.kind === 'down') return;
    this.#state.keeper.ref();
    process.kill(this.#state.pid, signal);
    await this.#state.ended;
  }
}
