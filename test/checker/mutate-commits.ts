import { buildHistory } from './build-history.ts';
import type { LogEvent } from './events.ts';
import { firstFinish } from './history.ts';
import { ackedCommits, type EventOf, type Mutation, of, replace } from './mutation.ts';

/** Wrong commits. */
export const commitMutations: readonly Mutation[] = [
  {
    name: 'commit + 1',
    breaks: 'P6 commit',
    apply(events, choose) {
      const { tasks, commits: acked } = buildHistory(events);
      const firstFinishAt = new Map<string, number>();
      for (const task of tasks.values())
        for (const r of task.runs) firstFinishAt.set(`${r.partition}/${r.offset}`, firstFinish(task));
      const ackedAt = (sent: EventOf<'commit-sent'>): number =>
        acked
          .get(sent.claims[0]?.partition ?? -1)
          ?.find((c) => c.process === sent.process && c.sentAt === sent.at)?.ackedAt ?? 0;
      const places = ackedCommits(events).filter((sent) => {
        const claim = sent.claims[0];
        return (firstFinishAt.get(`${claim?.partition}/${claim?.offset}`) ?? 0) > ackedAt(sent);
      });
      const sent = choose(places);
      if (sent === undefined) return undefined;
      const claims = sent.claims.map((c) => ({
        ...c,
        offset: c.offset + 1,
        doneBelow: Math.max(c.doneBelow, c.offset + 1),
      }));
      return replace(events, new Map([[sent, [{ ...sent, claims }]]]));
    },
  },
  {
    name: 'commit goes back',
    breaks: 'P6 commit',
    apply(events, choose) {
      const sent = choose(ackedCommits(events).filter((e) => (e.claims[0]?.offset ?? 0) > 2));
      const last = ackedCommits(events).findLast(
        (e) => e.claims[0]?.partition === sent?.claims[0]?.partition,
      );
      if (sent === undefined || last === undefined || last === sent) return undefined;
      return replace(
        events,
        new Map([[last, [{ ...last, claims: last.claims.map((c) => ({ ...c, offset: 0 })) }]]]),
      );
    },
  },
  {
    name: 'a key left out of the finished-ahead',
    breaks: 'P6 commit',
    apply(events, choose) {
      const { tasks, commits: acked } = buildHistory(events);
      const sent = choose(
        ackedCommits(events).filter((e) =>
          e.claims.some((claim) => {
            const ackedAt = acked.get(claim.partition)?.find((c) => c.sentAt === e.at)?.ackedAt ?? 0;
            return [...tasks.values()].some(
              (t) =>
                t.runs.some(
                  (r) =>
                    r.partition === claim.partition && r.offset >= claim.offset && r.offset < claim.doneBelow,
                ) && firstFinish(t) > ackedAt,
            );
          }),
        ),
      );
      if (sent === undefined) return undefined;
      return replace(
        events,
        new Map([
          [
            sent,
            [{ ...sent, claims: sent.claims.map((c) => ({ ...c, offset: c.doneBelow, unfinished: [] })) }],
          ],
        ]),
      );
    },
  },
  {
    name: "accept a zombie's late commit",
    breaks: 'P7 epoch',
    apply(events, choose) {
      const gone = choose(of(events, 'given-up'));
      const partition = gone?.partitions[0];
      const later = of(events, 'commit-acked').find(
        (e) => gone !== undefined && e.at > gone.at && e.partition === partition,
      );
      const old = ackedCommits(events).findLast(
        (e) => e.process === gone?.process && e.claims[0]?.partition === partition && e.at < gone.at,
      );
      if (later === undefined || old === undefined) return undefined;
      const again = { ...old, commit: 9_999, at: later.at };
      const ack: LogEvent = {
        event: 'commit-acked',
        commit: 9_999,
        partition: later.partition,
        process: old.process,
        at: later.at,
      };
      return replace(events, new Map([[later, [later, again, ack]]]));
    },
  },
];
