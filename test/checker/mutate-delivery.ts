import { covers } from './history.ts';
import { isOfRun, type Mutation, of, plainTasks, repeatRun, replace, withoutRunsOf } from './mutation.ts';

/** Wrong acknowledgements, and tasks that are lost, invented or changed. */
export const deliveryMutations: readonly Mutation[] = [
  {
    name: 'drop one and commit past it',
    breaks: 'P1 lost',
    apply(events, choose) {
      const place = choose(plainTasks(events).filter(({ task }) => task.outcome === 'acked'));
      return place && withoutRunsOf(events, place.task.id);
    },
  },
  {
    name: 'never get to one',
    breaks: 'P2 unseen',
    apply(events, choose) {
      const place = choose(plainTasks(events).filter(({ task }) => task.outcome === 'acked'));
      if (place === undefined) return undefined;
      const { key, partition, offset, id } = place.run;
      const covering = new Set(
        of(events, 'commit-sent')
          .filter((e) => e.claims.some((c) => c.partition === partition && covers(c, offset, key)))
          .map((e) => `${e.process} ${e.commit}`),
      );
      return withoutRunsOf(events, id).filter(
        (e) => e.event !== 'commit-acked' || !covering.has(`${e.process} ${e.commit}`),
      );
    },
  },
  {
    name: 'phantom',
    breaks: 'P3 phantom',
    apply(events, choose) {
      const place = choose(plainTasks(events));
      return place && events.map((e) => (isOfRun(e, place.run) ? { ...e, id: 'nobody-knows' } : e));
    },
  },
  {
    name: 'said absent, ran all the same',
    breaks: 'P3 phantom',
    apply(events, choose) {
      const ack = choose(of(events, 'enqueue-acked'));
      if (ack === undefined) return undefined;
      const { at, process, id } = ack;
      return replace(
        events,
        new Map([[ack, [{ at, process, event: 'enqueue-failed', id, outcome: 'absent', code: 'X' }]]]),
      );
    },
  },
  {
    name: 'doubled in the log',
    breaks: 'P3 phantom',
    apply(events, choose) {
      const place = choose(plainTasks(events));
      return (
        place &&
        repeatRun(events, place.run, {
          process: place.run.process,
          offset: place.run.offset + 1_000,
          at: place.run.endedAt,
        })
      );
    },
  },
  {
    name: 'payload changed on the way',
    breaks: 'P9 payload',
    apply(events, choose) {
      const end = choose(of(events, 'task-finished'));
      return end && replace(events, new Map([[end, [{ ...end, hash: 'another' }]]]));
    },
  },
  {
    name: 'payload cut short',
    breaks: 'P9 payload',
    apply(events, choose) {
      const end = choose(of(events, 'task-finished'));
      return end && replace(events, new Map([[end, [{ ...end, bytes: end.bytes - 1 }]]]));
    },
  },
  {
    name: 'ack twice',
    breaks: 'ack',
    apply(events, choose) {
      const ack = choose(of(events, 'enqueue-acked'));
      return ack && replace(events, new Map([[ack, [ack, { ...ack, offset: ack.offset + 1_000 }]]]));
    },
  },
  {
    name: 'ack two at one offset',
    breaks: 'ack',
    apply(events, choose) {
      const ack = choose(of(events, 'enqueue-acked'));
      const other = of(events, 'enqueue-acked').find((e) => e !== ack);
      if (ack === undefined || other === undefined) return undefined;
      return replace(
        events,
        new Map([[ack, [{ ...ack, partition: other.partition, offset: other.offset }]]]),
      );
    },
  },
  {
    name: 'ack without an offset',
    breaks: 'ack',
    apply(events, choose) {
      const ack = choose(of(events, 'enqueue-acked'));
      return ack && replace(events, new Map([[ack, [{ ...ack, offset: -1001 }]]]));
    },
  },
];
