import type { Admin } from '../../kafka/admin.ts';
import { KafkaRequestError } from '../../kafka/request-error.ts';
import type { RetentionRefusal } from './retention-health.ts';

/**
 * Whether the timestamps of the topics are the brokers'. With CreateTime a producer whose clock is wrong makes parts look
 * old that were written just now. The settings may be changed at any time, so they are looked at again.
 */
export class BrokerTimes {
  readonly #topics: readonly string[];
  readonly #lookAgainMs: number;
  #trustedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(topics: readonly string[], lookAgainMs: number) {
    this.#topics = topics;
    this.#lookAgainMs = lookAgainMs;
  }

  /** The topics whose timestamps say nothing, or may say nothing. Rejects when that could not be asked. */
  async problems(
    ask: <T>(request: (admin: Admin) => Promise<T>) => Promise<T>,
    nowMs: number,
  ): Promise<readonly RetentionRefusal[]> {
    if (nowMs < this.#trustedUntilMs) return [];
    const problems: RetentionRefusal[] = [];
    for (const topic of this.#topics) {
      const problem = await problemOf(topic, ask);
      if (problem !== undefined) problems.push(problem);
    }
    if (problems.length === 0) this.#trustedUntilMs = nowMs + this.#lookAgainMs;
    return problems;
  }
}

async function problemOf(
  topic: string,
  ask: <T>(request: (admin: Admin) => Promise<T>) => Promise<T>,
): Promise<RetentionRefusal | undefined> {
  try {
    const type = (await ask((admin) => admin.topicConfigs(topic))).get('message.timestamp.type');
    if (type === 'LogAppendTime') return undefined;
    const why = `its message.timestamp.type is ${type ?? 'not told'}, so nobody knows how old its records are: set it to LogAppendTime`;
    return { topic, why, failure: undefined };
  } catch (error) {
    if (!(error instanceof KafkaRequestError) || error.failure.kind !== 'authorization') throw error;
    const why = 'its message.timestamp.type may not be read: allow DescribeConfigs on the topic';
    return { topic, why, failure: error.failure };
  }
}
