import type { Control } from './control.ts';
import type { GroupJournal } from './group-journal.ts';
import { byAge, endings, type ParkedMark, parkedMark } from './parked-mark.ts';

/** Everything that is parked in a group, of all partitions, oldest first. Within the journal's `look`. */
function liveMarks(journal: GroupJournal, partitionCount: number): ParkedMark[] {
  const marks: ParkedMark[] = [];
  for (let partition = 0; partition < partitionCount; partition += 1) {
    const { marks: found, pending } = journal.state(partition);
    const underWay = endings(pending);
    for (const mark of found) marks.push(parkedMark(partition, mark, underWay));
  }
  return marks.sort(byAge);
}

/** As {@link liveMarks}, with the journal read first. */
export async function readLiveMarks(
  control: Control,
  group: string,
  signal: AbortSignal,
): Promise<ParkedMark[]> {
  const [journal, { queue }] = await Promise.all([control.journal(group), control.deps.topics()]);
  return await journal.look(signal, () => liveMarks(journal, queue.partitions));
}
