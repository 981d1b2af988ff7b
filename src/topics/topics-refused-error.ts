import { KeylaneError } from '../errors/keylane-error.ts';
import type { TopicProblem } from './topic-problem.ts';

/**
 * The queue's topics would lose, reorder or stop tasks; nothing was created, altered or written. `problems` lists all
 * that was found, the refused first; each has its own `code` and its cure.
 */
export class TopicsRefusedError extends KeylaneError {
  readonly queue: string;
  readonly problems: readonly TopicProblem[];

  constructor(queue: string, problems: readonly TopicProblem[]) {
    const lines = problems.map((p) => `  ${p.severity} ${p.code} ${p.topic}: ${p.what}.\n    ${p.cure}`);
    super('TOPICS_REFUSED', `The topics of queue '${queue}' cannot be used:\n${lines.join('\n')}`);
    this.queue = queue;
    this.problems = problems;
  }
}
