import { buildHistory } from './build-history.ts';
import type { LogEvent } from './events.ts';
import { covers, type Run } from './history.ts';
import { isOfRun, type Mutation, neighbours, of, plainTasks, repeatRun, replace } from './mutation.ts';

/** Wrong order. */
export const orderMutations: readonly Mutation[] = [
  {
    name: 'swap two of a key',
    breaks: 'P4 order',
    apply(events, choose) {
      const pair = choose(neighbours(events));
      if (pair === undefined) return undefined;
      const { first, second } = pair;
      const swap = (e: LogEvent, run: Run, other: Run): LogEvent =>
        e.event === 'task-finished'
          ? { ...e, id: other.id, offset: other.offset, ...other.print }
          : { ...e, ...(isOfRun(e, run) ? { id: other.id, offset: other.offset } : {}) };
      return events.map((e) =>
        isOfRun(e, first) ? swap(e, first, second) : isOfRun(e, second) ? swap(e, second, first) : e,
      );
    },
  },
  {
    name: 'log order against call order',
    breaks: 'P4 order',
    apply(events, choose) {
      const pairs = neighbours(events).flatMap(({ first, second }) => {
        const calls = of(events, 'enqueue-called');
        const [a, b] = [calls.find((e) => e.id === first.id), calls.find((e) => e.id === second.id)];
        return a !== undefined && b !== undefined && a.process === b.process ? [{ a, b }] : [];
      });
      const pair = choose(pairs);
      if (pair === undefined) return undefined;
      const { a, b } = pair;
      return replace(
        events,
        new Map<LogEvent, LogEvent[]>([
          [a, [{ ...a, call: b.call }]],
          [b, [{ ...b, call: a.call }]],
        ]),
      );
    },
  },
  {
    name: 'two of a key at once',
    breaks: 'P5 overlap',
    apply(events, choose) {
      const pair = choose(neighbours(events));
      if (pair === undefined) return undefined;
      const late = pair.second.startedAt + 0.5;
      return events
        .map((e) => (isOfRun(e, pair.first) && e.event === 'task-finished' ? { ...e, at: late } : e))
        .sort((x, y) => x.at - y.at);
    },
  },
];

/** Work without the right to it. */
export const epochMutations: readonly Mutation[] = [
  {
    name: 'ignore a revoke',
    breaks: 'P7 epoch',
    apply(events, choose) {
      const plain = plainTasks(events);
      const places = of(events, 'given-up').flatMap((gone) => {
        const later = plain.filter(
          ({ run }) => run.startedAt > gone.at && gone.partitions.includes(run.partition),
        );
        const before = of(events, 'taken').findLast(
          (e) => e.process === gone.process && gone.partitions.includes(e.partition) && e.at < gone.at,
        );
        return before === undefined
          ? []
          : later.map(({ run }) => ({ run, process: gone.process, epoch: before.epoch }));
      });
      const place = choose(places);
      if (place === undefined) return undefined;
      const { process, epoch } = place;
      return events.map((e) => (isOfRun(e, place.run) ? { ...e, process, epoch } : e));
    },
  },
  {
    name: 'resurrect an old epoch',
    breaks: 'P7 epoch',
    apply(events, choose) {
      const oldest = new Map<number, number>();
      for (const { run } of plainTasks(events))
        if (!oldest.has(run.partition)) oldest.set(run.partition, run.epoch);
      const place = choose(
        plainTasks(events).filter(({ run }) => (oldest.get(run.partition) ?? run.epoch) < run.epoch),
      );
      if (place === undefined) return undefined;
      return events.map((e) =>
        isOfRun(e, place.run) ? { ...e, epoch: oldest.get(place.run.partition) ?? 0 } : e,
      );
    },
  },
  {
    name: 'start before the claim is confirmed',
    breaks: 'P7 epoch',
    apply(events, choose) {
      const places = of(events, 'taken').flatMap((taken) => {
        const start = of(events, 'task-started').find(
          (e) => e.process === taken.process && e.epoch === taken.epoch,
        );
        return start === undefined ? [] : [{ taken, start }];
      });
      const place = choose(places);
      if (place === undefined) return undefined;
      return events
        .map((e) => (e === place.taken ? { ...e, at: place.start.at + 0.5 } : e))
        .sort((a, b) => a.at - b.at);
    },
  },
];

/** Work done twice. */
export const rerunMutations: readonly Mutation[] = [
  {
    name: 'run again what was finished and committed',
    breaks: 'P8 re-run',
    apply(events, choose) {
      const { commits: acked, endedAt } = buildHistory(events);
      const places = plainTasks(events).filter(({ run }) =>
        acked.get(run.partition)?.some((c) => covers(c, run.offset, run.key)),
      );
      const place = choose(places);
      return place && repeatRun(events, place.run, { process: place.run.process, at: endedAt + 1 });
    },
  },
  {
    name: 'run again without a crash',
    breaks: 'P8 re-run',
    apply(events, choose) {
      const place = choose(plainTasks(events));
      return place && repeatRun(events, place.run, { process: place.run.process, at: place.run.endedAt });
    },
  },
];

/** Ends that never come, and wrong ones. */
export const endMutations: readonly Mutation[] = [
  {
    name: 'never end what was started',
    breaks: 'P10 progress',
    apply(events, choose) {
      const killed = new Set(of(events, 'killed').map((e) => e.target));
      const place = choose(plainTasks(events).filter(({ run }) => !killed.has(run.process)));
      return place && events.filter((e) => !(isOfRun(e, place.run) && e.event === 'task-finished'));
    },
  },
  {
    name: 'never answer an enqueue',
    breaks: 'P10 progress',
    apply(events, choose) {
      const ack = choose(of(events, 'enqueue-acked'));
      return ack && events.filter((e) => e !== ack);
    },
  },
  {
    name: 'never come to the end of stop()',
    breaks: 'P10 progress',
    apply(events, choose) {
      const stopped = choose(of(events, 'stopped'));
      return stopped && events.filter((e) => e !== stopped);
    },
  },
  {
    name: 'die by itself',
    breaks: 'P11 process',
    apply(events, choose) {
      const stopped = choose(of(events, 'stopped'));
      if (stopped === undefined) return undefined;
      const exited: LogEvent = {
        at: stopped.at,
        process: 'injector',
        event: 'exited',
        target: stopped.process,
        code: 134,
        signal: null,
      };
      return replace(events, new Map([[stopped, [stopped, exited]]]));
    },
  },
  {
    name: 'finish what was never started',
    breaks: 'log',
    apply(events, choose) {
      const place = choose(plainTasks(events));
      return place && events.filter((e) => !(isOfRun(e, place.run) && e.event === 'task-started'));
    },
  },
];
