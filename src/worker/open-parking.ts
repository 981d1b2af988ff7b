import type { LogEnds, TopicDescription } from '../kafka/admin.ts';
import type { Reader, TopicPartition } from '../kafka/port.ts';
import type { WorkerCore } from './core/worker-core.ts';
import type { StateJournal } from './journal/state-journal.ts';
import { ParkedObjects } from './parked-objects.ts';
import { ParkedParts } from './parked-parts.ts';
import { ParkingIo } from './parking-io.ts';
import { ParkedFeed } from './reading/parked-feed.ts';
import type { PartsFeed } from './reading/parts-feed.ts';
import { needlessAfterMs } from './retention/open-purger.ts';
import type { WorkerDeps, WorkerTopics } from './worker-deps.ts';

/** What parks tasks and redrives them. */
export function openParking(
  { deps, group }: { readonly deps: WorkerDeps; readonly group: string },
  {
    topics,
    core,
    journal,
    partsFeed,
    open,
  }: {
    readonly topics: WorkerTopics;
    readonly core: WorkerCore;
    readonly journal: StateJournal;
    readonly partsFeed: PartsFeed;
    readonly open: (role: 'parked') => Promise<Reader>;
  },
): ParkingIo {
  const { clock, appendParked, retention } = deps;
  const { parked } = topics;
  const endsOf = (partition: number): Promise<LogEnds> => logEnds(deps, { topic: parked.name, partition });
  const describe = (name: string): Promise<TopicDescription | undefined> => describeTopic(deps, name);
  const parkedTopicId = async (): Promise<string | undefined> => (await describe(parked.name))?.id;
  const append = appendParked(parked.name);
  const feed = new ParkedFeed({
    group,
    topic: parked.name,
    openReader: () => open('parked'),
    logEnds: ({ partition }) => endsOf(partition),
    topicId: parkedTopicId,
    append,
    clock,
  });
  return new ParkingIo({
    group,
    topic: parked,
    journal,
    append,
    parts: new ParkedParts({
      feed: partsFeed,
      append,
      clock,
      objects: new ParkedObjects({
        clock,
        stores: deps.stores,
        append,
        queue: deps.queue,
        topics,
        describe,
        logEnds: (place) => logEnds(deps, place),
      }),
    }),
    appendAgain: appendParked(topics.queue.name),
    feed,
    logEnds: endsOf,
    parkedTopicId,
    taskId: core.state.config.taskId,
    wallMs: () => clock.wallMs(),
    monotonicMs: () => clock.monotonicMs(),
    markWithinMs: needlessAfterMs(retention),
  });
}

/** A topic as it is now; undefined: there is none. */
export async function describeTopic(
  { admin }: WorkerDeps,
  name: string,
): Promise<TopicDescription | undefined> {
  return (await (await admin()).describeTopics([name])).get(name);
}

/** The ends of one log. */
export async function logEnds({ admin }: WorkerDeps, place: TopicPartition): Promise<LogEnds> {
  const [ends] = await (await admin()).logEnds([place]);
  if (ends === undefined) throw new Error(`the log ends of ${place.topic} were not told`);
  return ends;
}
