import { LossRefusedError } from '../errors/parked-errors.ts';
import type { Verb } from '../journal/journal.ts';
import type { Control } from './control.ts';

/**
 * The command to accept a loss, for the topics that are there now.
 *
 * @throws LossRefusedError
 */
export async function acceptanceOf(
  control: Control,
  about: {
    readonly group: string;
    readonly partition: number;
    readonly below: bigint;
    readonly signal: AbortSignal;
  },
): Promise<Verb> {
  const { queue, topics, admin } = control.deps;
  const { partition, below } = about;
  const known = await topics();
  const { partitions, name } = known.queue;
  if (partition >= partitions) throw new LossRefusedError(queue, about, { partitions });
  const asked = await admin();
  const journal = await control.journal(about.group);
  const [found, { end }, told] = await Promise.all([
    asked.describeTopics([name, known.state.name]),
    control.logEnds(name, partition),
    journal.look(about.signal, () => journal.state(partition)),
  ]);
  const topicId = found.get(name)?.id ?? '';
  const { newestConfirm, truncated } = told;
  // Offsets of a topic that is gone have nothing to do with the end of this one.
  if (newestConfirm === undefined || newestConfirm.topicId === topicId) {
    // A log that was cut off ends before what had been read or finished.
    let last = Math.max(end, newestConfirm?.frontier ?? 0, truncated?.to ?? 0);
    if (below > BigInt(last)) {
      const [committed] = await asked.committedOffsets(about.group, [{ topic: name, partition }]);
      last = Math.max(last, committed?.offset ?? 0);
    }
    if (below > BigInt(last)) throw new LossRefusedError(queue, about, { end: last });
  }
  return {
    name: 'accept-loss',
    below: Number(below),
    topicId,
    statePin: found.get(known.state.name)?.id ?? '',
  };
}
