import { readParkedCopy } from '../codec/parked-copy.ts';
import { NotParkedError, ParkedTasksLostError } from '../errors/parked-errors.ts';
import { isOtherTopic, type Mark } from '../journal/journal.ts';
import type { IncomingRecord } from '../kafka/port.ts';
import type { Control } from './control.ts';
import { laneKeyOf } from './lane-key.ts';
import type { MarkRef } from './parked-mark.ts';
import { type ParkedTask, parkedTask } from './parked-task.ts';
import { readParts } from './read-parts.ts';
import { readStretch } from './read-stretch.ts';

interface ShowContext {
  readonly group: string;
  readonly payload: boolean;
  readonly signal: AbortSignal;
}

/** A mark whose parked tasks are looked for. */
interface Wanted {
  readonly mark: Mark;
  /** Source offset of the last one that was handed out. */
  last: number;
}

/** Parked tasks of a mark, or of all marks of a key. */
export async function* showMarks(
  control: Control,
  target: MarkRef | { readonly key: string },
  options: Omit<ShowContext, 'signal'> & { readonly given: AbortSignal | undefined },
): AsyncGenerator<ParkedTask, void, undefined> {
  const { signal, unlink } = control.link(options.given);
  try {
    signal.throwIfAborted();
    yield* showFound(control, target, { ...options, signal });
  } finally {
    unlink();
  }
}

async function* showFound(
  control: Control,
  target: MarkRef | { readonly key: string },
  context: ShowContext,
): AsyncGenerator<ParkedTask, void, undefined> {
  const found = await findMarks(control, target, context);
  if (found.size === 0) {
    const what =
      'mark' in target ? `Mark ${target.mark} of partition ${target.partition}` : `Key '${target.key}'`;
    throw new NotParkedError(what, context.group);
  }
  for (const [partition, marks] of found) yield* showPartition(control, { partition, marks }, context);
}

/** Live marks by partition; a key's are in one unless its records were written by something else than keylane. */
async function findMarks(
  control: Control,
  target: MarkRef | { readonly key: string },
  { group, signal }: ShowContext,
): Promise<ReadonlyMap<number, readonly Mark[]>> {
  const [journal, { queue }] = await Promise.all([control.journal(group), control.deps.topics()]);
  const laneKey = 'mark' in target ? undefined : laneKeyOf(target.key);
  return await journal.look(signal, () => {
    const found = new Map<number, readonly Mark[]>();
    for (let partition = 0; partition < queue.partitions; partition += 1) {
      if ('mark' in target && partition !== target.partition) continue;
      const marks = journal
        .state(partition)
        .marks.filter((mark) => ('mark' in target ? mark.id === target.mark : mark.key === laneKey));
      if (marks.length > 0) found.set(partition, marks);
    }
    return found;
  });
}

async function* showPartition(
  control: Control,
  { partition, marks }: { readonly partition: number; readonly marks: readonly Mark[] },
  { group, payload, signal }: ShowContext,
): AsyncGenerator<ParkedTask, void, undefined> {
  const wanted = new Map<number, Wanted>(marks.map((mark) => [mark.id, { mark, last: mark.done }]));
  const reading = payload
    ? {
        codecs: control.deps.codecs,
        signal,
        readParts: (upload: Parameters<typeof readParts>[1]) => readParts(control, upload, signal),
      }
    : undefined;
  for await (const record of readParked(control, { partition, marks }, signal)) {
    const copy = readParkedCopy(record);
    if (copy === undefined || copy.group !== group || copy.partition !== partition) continue;
    const one = wanted.get(copy.mark);
    // Owners copy in order and begin anew after a failure: what is not beyond the last one has been here already, and
    // what has lost the one in front of it comes once more, behind that.
    if (one === undefined || copy.offset <= one.last || copy.previous > one.last) continue;
    one.last = copy.offset;
    if (!one.mark.discarded.includes(copy.offset)) yield await parkedTask(copy, reading);
    if (one.mark.scope === 'task') wanted.delete(copy.mark); // that was all of it
    if (wanted.size === 0) return;
  }
}

/** The parked partition of a queue partition, from where the first of the marks begins to where it ends now. */
async function* readParked(
  control: Control,
  { partition, marks }: { readonly partition: number; readonly marks: readonly Mark[] },
  signal: AbortSignal,
): AsyncGenerator<IncomingRecord, void, undefined> {
  const { parked } = await control.deps.topics();
  const topic = parked.name;
  const at = { topic, partition: partition % parked.partitions };
  const described = await (await control.deps.admin()).describeTopics([topic]);
  const id = described.get(topic)?.id;
  const { start, end } = await control.logEnds(topic, at.partition);
  // No mark begins beyond the end, unless the topic was made anew, or has lost its end.
  const wasRemade = marks.some(
    ({ parkedFrom, parkedTopicId }) => isOtherTopic(parkedTopicId, id) || parkedFrom > end,
  );
  const from = wasRemade ? start : Math.min(...marks.map(({ parkedFrom }) => parkedFrom));
  yield* readStretch(control, { ...at, from: Math.max(from, start), end }, signal);
  if (wasRemade || from < start) throw new ParkedTasksLostError(topic, at.partition, start, wasRemade);
}
