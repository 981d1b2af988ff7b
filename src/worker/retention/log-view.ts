import type { LogEnds } from '../../kafka/admin.ts';
import type { TopicPartition } from '../../kafka/port.ts';
import type { Ends } from './side-limits.ts';

/** What was answered about partitions, by their names. */
export class Answers<T> {
  readonly #answers: ReadonlyMap<string, T>;

  constructor(answers: Iterable<readonly [TopicPartition, T]>) {
    this.#answers = new Map([...answers].map(([place, answer]) => [nameOf(place), answer]));
  }

  has(place: TopicPartition): boolean {
    return this.#answers.has(nameOf(place));
  }

  /** @throws Error when nothing was answered: an answer that leaves a partition out says nothing about it. */
  of(place: TopicPartition): T {
    const name = nameOf(place);
    const answer = this.#answers.get(name);
    if (answer === undefined && !this.#answers.has(name)) throw new Error(`nothing was told of ${name}`);
    return answer as T; // it has one, and undefined is one where T has it
  }
}

export function endsOf(ends: readonly LogEnds[]): Answers<Ends> {
  return new Answers(ends.map((one) => [one, one] as const));
}

/** The first offset of each partition that is not older than what was asked for. */
export function offsetsOf(
  found: readonly (TopicPartition & { readonly offset: number | undefined })[],
): Answers<number | undefined> {
  return new Answers(found.map((one) => [one, one.offset] as const));
}

export function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
