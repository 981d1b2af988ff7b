import type { Told } from './admin.ts';
import type { TopicPartition } from './port.ts';

/** What was told; of the others nothing is known now. */
export function toldOf<T extends TopicPartition>(answers: readonly Told<T>[]): readonly T[] {
  return answers.flatMap((one) => (one.failure === undefined ? [one] : []));
}
