import type { CommitClaim, LogEvent, PayloadPrint, RunPlace } from './events.ts';
import type { Commit, History, Holding, Life, Run, Task } from './history.ts';

class HistoryBuilder {
  readonly tasks = new Map<string, Task>();
  readonly phantoms: Run[] = [];
  readonly runs: Run[] = [];
  readonly commits = new Map<number, Commit[]>();
  readonly lives = new Map<string, Life>();
  readonly holdings: Holding[] = [];
  readonly strays: string[] = [];
  readonly #openRuns = new Map<string, Run[]>();
  readonly #sent = new Map<string, { readonly at: number; readonly claims: readonly CommitClaim[] }>();
  readonly #held = new Map<string, Holding>();
  /** Partitions on their way: asked back and not given up, or assigned and not taken. By owner and partition. */
  readonly #moving = new Set<string>();

  life(name: string): Life {
    let life = this.lives.get(name);
    if (life === undefined) {
      life = {
        name,
        lastLineAt: Number.NEGATIVE_INFINITY,
        killedAt: undefined,
        killedInRebalance: false,
        suspended: false,
        suspendedAt: undefined,
        stopRequestedAt: undefined,
        stoppedAt: undefined,
        exited: undefined,
        errors: [],
      };
      this.lives.set(name, life);
    }
    return life;
  }

  add(event: LogEvent): void {
    const life = this.life(event.process);
    life.lastLineAt = event.at;
    switch (event.event) {
      case 'enqueue-called':
      case 'enqueue-acked':
      case 'enqueue-failed':
        this.#producer(event);
        break;
      case 'task-started':
        this.#start(event);
        break;
      case 'task-finished':
        this.#end(event, 'finished', { hash: event.hash, bytes: event.bytes });
        break;
      case 'task-failed':
        this.#end(event, 'failed', undefined);
        break;
      case 'task-aborted':
        this.#end(event, 'aborted', undefined);
        break;
      case 'revoke-asked':
        for (const partition of event.partitions) this.#moving.add(`${event.process} ${partition}`);
        break;
      case 'assigned':
      case 'taken':
      case 'given-up':
      case 'given-up-uncommitted':
        this.#holding(event);
        break;
      case 'commit-sent':
        this.#sent.set(`${event.process} ${event.commit}`, { at: event.at, claims: event.claims });
        break;
      case 'commit-acked':
        this.#commit(event);
        break;
      case 'stop-requested':
        life.stopRequestedAt = event.at;
        break;
      case 'stopped':
        life.stoppedAt = event.at;
        break;
      case 'process-error':
        life.errors.push(event.text);
        break;
      default:
        this.#injected(event);
        break;
    }
  }

  #producer(event: LogEvent & { event: 'enqueue-called' | 'enqueue-acked' | 'enqueue-failed' }): void {
    if (event.event === 'enqueue-called') {
      const { id, key, call, hash, bytes } = event;
      const print = { hash, bytes };
      this.tasks.set(id, {
        id,
        key,
        producer: event.process,
        call,
        print,
        outcome: 'open',
        acks: [],
        runs: [],
      });
      return;
    }
    const task = this.tasks.get(event.id);
    if (task === undefined) {
      this.strays.push(`${event.event} of ${event.id}, which was never called for`);
    } else if (event.event === 'enqueue-acked') {
      task.outcome = 'acked';
      task.acks.push({ partition: event.partition, offset: event.offset });
    } else {
      task.outcome = event.outcome;
    }
  }

  #start(event: LogEvent & { event: 'task-started' }): void {
    const { id, key, partition, offset, epoch, attempt, process, at: startedAt } = event;
    const place = { id, key, partition, offset, epoch };
    const endedAt = Number.POSITIVE_INFINITY;
    const run: Run = { ...place, attempt, process, startedAt, endedAt, end: 'open', print: undefined };
    this.runs.push(run);
    const task = this.tasks.get(id);
    if (task === undefined) this.phantoms.push(run);
    else task.runs.push(run);
    const name = runName(event);
    this.#openRuns.set(name, [...(this.#openRuns.get(name) ?? []), run]);
  }

  #end(
    event: LogEvent & RunPlace,
    end: 'finished' | 'failed' | 'aborted',
    print: PayloadPrint | undefined,
  ): void {
    const run = this.#openRuns.get(runName(event))?.shift();
    if (run === undefined) {
      this.strays.push(`${event.event} of ${event.id} at ${event.partition}/${event.offset} without a start`);
      return;
    }
    run.endedAt = event.at;
    run.end = end;
    run.print = print;
  }

  #holding(event: LogEvent & { event: 'assigned' | 'taken' | 'given-up' | 'given-up-uncommitted' }): void {
    const { process } = event;
    if (event.event === 'assigned') {
      for (const partition of event.partitions) {
        const span = { from: event.at, to: Number.POSITIVE_INFINITY };
        const holding: Holding = { process, partition, ...span, how: 'held', uncommitted: false, taken: [] };
        this.holdings.push(holding);
        this.#held.set(`${process} ${partition}`, holding);
        this.#moving.add(`${process} ${partition}`);
      }
      return;
    }
    const partitions = event.event === 'given-up' ? event.partitions : [event.partition];
    for (const partition of partitions) {
      if (event.event !== 'given-up-uncommitted') this.#moving.delete(`${process} ${partition}`);
      const holding = this.#held.get(`${process} ${partition}`);
      if (holding === undefined) {
        this.strays.push(`${process} says ${event.event} of partition ${partition}, which it never had`);
      } else if (event.event === 'taken') {
        holding.taken.push({ at: event.at, epoch: event.epoch });
      } else if (event.event === 'given-up') {
        holding.to = Math.min(holding.to, event.at);
        holding.how = event.how;
      } else {
        holding.uncommitted = true;
      }
    }
  }

  #commit(event: LogEvent & { event: 'commit-acked' }): void {
    const sent = this.#sent.get(`${event.process} ${event.commit}`);
    const claim = sent?.claims.find((c) => c.partition === event.partition);
    if (sent === undefined || claim === undefined) {
      this.strays.push(`${event.process}: acknowledgement of commit ${event.commit}, which was never sent`);
      return;
    }
    const list = this.commits.get(event.partition) ?? [];
    const ackedAt = Math.min(event.at, this.#suspendedWhile(event.process, sent.at) ?? event.at);
    const commit = { ...claim, process: event.process, sentAt: sent.at, ackedAt, late: false };
    list.splice(list.findLastIndex((c) => c.ackedAt <= ackedAt) + 1, 0, commit);
    this.commits.set(event.partition, list);
  }

  /** What was sent before a process was suspended was answered about then: it only read the answer when it went on. */
  #suspendedWhile(process: string, sentAt: number): number | undefined {
    const { suspendedAt } = this.life(process);
    return suspendedAt !== undefined && sentAt <= suspendedAt ? suspendedAt : undefined;
  }

  #injected(event: LogEvent): void {
    if (event.event === 'killed') {
      const target = this.life(event.target);
      target.killedAt = event.at;
      target.killedInRebalance = this.#moving.size > 0;
      for (const move of this.#moving) if (move.startsWith(`${event.target} `)) this.#moving.delete(move);
    } else if (event.event === 'suspended') {
      const target = this.life(event.target);
      target.suspended = true;
      target.suspendedAt ??= event.at;
    } else if (event.event === 'exited') {
      this.life(event.target).exited = { code: event.code, signal: event.signal };
    }
  }

  /** What a kill ended: its runs and its partitions. */
  settleKills(): void {
    for (const run of this.runs) {
      const endedAt = this.#endOfKilled(run.process);
      if (run.end !== 'open' || endedAt === undefined) continue;
      run.endedAt = endedAt;
      run.end = 'killed';
    }
    for (const holding of this.holdings) {
      const endedAt = this.#endOfKilled(holding.process);
      if (holding.how !== 'held' || endedAt === undefined) continue;
      holding.to = endedAt;
      holding.how = 'killed';
    }
  }

  /** Which acknowledgements came when the partition they were asked under had been lost. */
  settleCommits(): void {
    for (const [partition, commits] of this.commits) {
      for (const commit of commits) {
        const holding = this.holdings.find(
          (h) =>
            h.process === commit.process &&
            h.partition === partition &&
            h.from <= commit.sentAt &&
            commit.sentAt <= h.to,
        );
        commit.late = holding?.how === 'lost' && holding.to < commit.ackedAt;
      }
    }
  }

  /** The injector writes its line beside the kill, so the last line of the killed one may carry a later stamp. */
  #endOfKilled(name: string): number | undefined {
    const life = this.lives.get(name);
    if (life?.killedAt === undefined) return undefined;
    return Math.max(life.killedAt, life.lastLineAt);
  }
}

function runName(place: RunPlace & { readonly process: string }): string {
  return `${place.process} ${place.id} ${place.partition} ${place.offset} ${place.epoch}`;
}

/** Relates events, given in any order of processes; each process's own lines must be in its order. */
export function buildHistory(unordered: readonly LogEvent[]): History {
  const events = unordered
    .map((event, index) => ({ event, index }))
    .sort((a, b) => a.event.at - b.event.at || a.index - b.index)
    .map(({ event }) => event);
  const builder = new HistoryBuilder();
  for (const event of events) builder.add(event);
  builder.settleKills();
  builder.settleCommits();
  const { tasks, phantoms, runs, commits, lives, holdings, strays } = builder;
  const span = { startedAt: events[0]?.at ?? 0, endedAt: events.at(-1)?.at ?? 0 };
  return { events, tasks, phantoms, runs, commits, lives, holdings, strays, ...span };
}
