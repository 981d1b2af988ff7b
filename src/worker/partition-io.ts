import type { ConfirmReason } from '../journal/journal.ts';
import type { Admin, LogEnds, TopicDescription } from '../kafka/admin.ts';
import { leadersLeft } from '../kafka/leaders-left.ts';
import type { CommittedOffset, KafkaFailure, Membership, TopicPartition } from '../kafka/port.ts';
import { KafkaRequestError } from '../kafka/request-error.ts';
import { toldOf } from '../kafka/told.ts';
import { readPartsOf, type TakingFinding } from './core/judge-taking.ts';
import type { LeftOver, ReadPart } from './core/log-read.ts';
import type { LogSeen } from './core/log-seen.ts';
import type { PartitionState } from './core/partition-state.ts';
import type { StateJournal } from './journal/state-journal.ts';

interface IoDeps {
  readonly group: string;
  readonly topic: string;
  readonly stateTopic: string;
  readonly workerName: string;
  readonly membership: Membership;
  readonly admin: () => Promise<Admin>;
  readonly journal: StateJournal;
}

/** What leaders have of what was read: nothing where brokers do not tell, and a failure where one did not tell now. */
type LeftTold = { readonly left: LeftOver } | { readonly failure: KafkaFailure };

/** What taking a partition reads and writes. Every method rejects when anything of it failed, but for what looks at many. */
export class PartitionIo {
  readonly #deps: IoDeps;
  /** Kafka's id of the state topic that the journal is read of. */
  #journalPin: string | undefined;
  #startingOver: Promise<void> | undefined;

  constructor(deps: IoDeps) {
    this.#deps = deps;
  }

  /** The offset of the CLAIM: the epoch. */
  claim(partition: PartitionState): Promise<number> {
    const { group, workerName, journal } = this.#deps;
    return journal.append({ kind: 'claim', group, partition: partition.partition, by: workerName });
  }

  /**
   * Appends a CONFIRM. The one that ends a taking must also count: between our claim and it nobody else may have
   * confirmed a newer claim.
   */
  async confirm(partition: PartitionState, frontier: number, reason: ConfirmReason): Promise<void> {
    const { group, journal } = this.#deps;
    const { epoch, topicId, era, accepted } = partition;
    const leaderEpoch = partition.logRead.leaderBelow(frontier);
    const offset = await journal.append({
      kind: 'confirm',
      group,
      partition: partition.partition,
      epoch,
      frontier,
      topicId,
      reason,
      ...(era >= 0 ? { era } : {}),
      ...(leaderEpoch === undefined ? {} : { leaderEpoch }),
      ...(reason === 'taken' && accepted !== undefined ? { accepted: accepted.commands } : {}),
    });
    if (reason !== 'taken') return;
    const { newestConfirmedEpoch } = await journal.historyUpTo(partition.partition, offset);
    if (newestConfirmedEpoch !== epoch) {
      throw new Error(`partition ${partition.partition} was taken by another worker meanwhile`);
    }
  }

  /** Everything that decides where the partitions start; all of an assignment in one request a kind. */
  async inspect(partitions: readonly PartitionState[]): Promise<ReadonlyMap<PartitionState, TakingFinding>> {
    const places = partitions.map(({ partition }) => ({ topic: this.#deps.topic, partition }));
    const { committed, ends } = await this.#offsetsAndEnds(places);
    // The ends first: those of a new topic are never taken for those of the old one.
    const topics = await (await this.#deps.admin()).describeTopics([this.#deps.topic, this.#deps.stateTopic]);
    const topicId = idOf(topics, this.#deps.topic);
    const statePin = idOf(topics, this.#deps.stateTopic);
    if (await this.#isAnother(statePin)) {
      // Perhaps our claims are in the one that is gone: they are made once more.
      throw new Error(`the state topic '${this.#deps.stateTopic}' was made anew`);
    }
    // Only now: what the committed offset speaks of was in the journal before it was committed.
    const lastWords = await this.#lastWords(partitions);
    const findings = new Map<PartitionState, Omit<TakingFinding, 'leaderEnds'>>();
    await Promise.all(
      partitions.map(async (partition) => {
        const history = await this.#deps.journal.historyUpTo(partition.partition, partition.epoch);
        const own = committed.find((one) => one.partition === partition.partition);
        const log = ends.find((one) => one.partition === partition.partition);
        findings.set(partition, {
          epoch: partition.epoch,
          committed: committedOf(own, partition.partition),
          history,
          lastWord: lastWords.get(partition) ?? -1,
          logStart: endsOf(log, partition.partition).start,
          logEnd: endsOf(log, partition.partition).end,
          topicId,
          statePin,
        });
      }),
    );
    return await this.#withLeaderEnds(findings);
  }

  /**
   * What is committed, and logs that are no older: (1) they are asked where they end, (2) more tasks come, an old owner
   * finishes them and commits that, (3) we are told that commit. Judged by (1), the log would have been cut off.
   *
   * But then they may be newer: (1) we are told what is committed, (2) an old owner goes on, commits that and deletes what is
   * finished, (3) we are told where the log begins. Judged by (1), tasks would be lost. So that is asked once more.
   */
  async #offsetsAndEnds(
    places: readonly TopicPartition[],
  ): Promise<{ readonly committed: readonly CommittedOffset[]; readonly ends: readonly LogEnds[] }> {
    let committed = await this.#deps.membership.committed(places);
    for (;;) {
      const ends = await (await this.#deps.admin()).logEnds(places);
      const behind = committed.filter(({ partition, offset }) => {
        const start = ends.find((one) => one.partition === partition)?.start ?? 0;
        return offset !== undefined && offset < start;
      });
      if (behind.length === 0) return { committed, ends };
      const again = await this.#deps.membership.committed(
        behind.map(({ topic, partition }) => ({ topic, partition })),
      );
      const isSame = behind.every((one) => again.some((other) => isSameOffset(one, other)));
      if (isSame) return { committed, ends };
      const others = committed.filter((one) => !behind.includes(one));
      committed = [...others, ...again];
    }
  }

  /** Asks what is left of what was read, by commits and by the journal. */
  async #withLeaderEnds(
    findings: ReadonlyMap<PartitionState, Omit<TakingFinding, 'leaderEnds'>>,
  ): Promise<ReadonlyMap<PartitionState, TakingFinding>> {
    const parts = [...findings].map(([partition, found]) => ({ partition, parts: readPartsOf(found) }));
    const ends = new Map(parts.map(({ partition }) => [partition, new Map<number, number | undefined>()]));
    for (const nth of [0, 1]) {
      const asked = new Map(parts.flatMap((one) => pair(one.partition, one.parts[nth])));
      for (const [partition, told] of await this.#leftOf(asked)) {
        if ('failure' in told)
          throw new KafkaRequestError('Cannot ask what is left of leaders', told.failure);
        ends.get(partition)?.set(told.left.of.leaderEpoch, told.left.end);
      }
    }
    return new Map(
      [...findings].map(([partition, found]) => [
        partition,
        { ...found, leaderEnds: ends.get(partition) ?? new Map() },
      ]),
    );
  }

  async #leftOf(
    parts: ReadonlyMap<PartitionState, ReadPart>,
  ): Promise<ReadonlyMap<PartitionState, LeftTold>> {
    const { topic } = this.#deps;
    const asked = [...parts].map(([partition, part]) => ({ partition, part }));
    const leaders = asked.map(({ partition: { partition }, part: { leaderEpoch } }) => {
      return { topic, partition, leaderEpoch };
    });
    const ends = await leadersLeft(async (request) => request(await this.#deps.admin()), leaders);
    return new Map(
      asked.flatMap(({ partition, part }, nth): readonly (readonly [PartitionState, LeftTold])[] => {
        const found = ends[nth];
        if (found === undefined) return [];
        if (found.failure !== undefined) return [[partition, { failure: found.failure }]];
        const { presentEpoch, end } = found;
        return [[partition, { left: { of: part, presentEpoch, end } }]];
      }),
    );
  }

  /** Whether the journal was read of a state topic that is gone; then it is read of this one from now on. */
  async #isAnother(statePin: string): Promise<boolean> {
    this.#journalPin ??= statePin;
    if (this.#journalPin === statePin) return false;
    // Known only once it is read: when this fails it is done again.
    this.#startingOver ??= this.#deps.journal
      .startOver()
      .then(() => {
        this.#journalPin = statePin;
      })
      .finally(() => {
        this.#startingOver = undefined;
      });
    await this.#startingOver;
    return true;
  }

  async #lastWords(partitions: readonly PartitionState[]): Promise<ReadonlyMap<PartitionState, number>> {
    const { admin, journal, stateTopic } = this.#deps;
    const numbers = [...new Set(partitions.map(({ partition }) => journal.statePartition(partition)))];
    const ends = await (await admin()).logEnds(
      numbers.map((partition) => ({ topic: stateTopic, partition })),
    );
    const lastWords = await Promise.all(
      partitions.map(async (partition) => {
        const number = journal.statePartition(partition.partition);
        const { end } = endsOf(
          ends.find((one) => one.partition === number),
          number,
        );
        // Our claim is in it: whoever tells otherwise does not know what was written since.
        if (end <= partition.epoch) throw new Error(`the state topic '${stateTopic}' ends before our claim`);
        const { lastWord } = await journal.historyUpTo(partition.partition, end - 1);
        return [partition, lastWord] as const;
      }),
    );
    return new Map(lastWords);
  }

  /**
   * The logs as they are, and the ids of the topics. A topic that is not there now is no other one. Of a partition whose leader
   * does not tell all now there is nothing.
   */
  async look(
    partitions: readonly PartitionState[],
  ): Promise<ReadonlyMap<PartitionState, Omit<LogSeen, 'readTo'>>> {
    const { topic, stateTopic } = this.#deps;
    const admin = await this.#deps.admin();
    // The ends first: those of a new topic are never taken for those of the old one.
    const leaders = await this.#leftOf(new Map(partitions.flatMap((one) => pair(one, one.logRead.part))));
    const ends = await this.logEnds(partitions);
    const topics = await admin.describeTopics([topic, stateTopic]);
    const pin = topics.get(stateTopic)?.id;
    if (pin !== undefined) await this.#isAnother(pin); // or nobody hears what operators say to that
    const seen = new Map<PartitionState, Omit<LogSeen, 'readTo'>>();
    for (const partition of partitions) {
      const log = ends.find((one) => one.partition === partition.partition);
      const told = leaders.get(partition);
      // To go on without would be to believe that leaders do not tell.
      if (log === undefined || (told !== undefined && 'failure' in told)) continue;
      const topicId = topics.get(topic)?.id ?? partition.topicId;
      const statePin = pin ?? partition.statePin;
      seen.set(partition, {
        start: log.start,
        end: log.end,
        topicId,
        statePin,
        left: told?.left,
      });
    }
    return seen;
  }

  /** As far as leaders tell now. */
  async logEnds(partitions: readonly PartitionState[]): Promise<readonly LogEnds[]> {
    const admin = await this.#deps.admin();
    const places = partitions.map(({ partition }) => ({ topic: this.#deps.topic, partition }));
    return toldOf(await admin.eachLogEnds(places));
  }
}

function pair<K, V>(key: K, value: V | undefined): readonly (readonly [K, V])[] {
  return value === undefined ? [] : [[key, value]];
}

function isSameOffset(one: CommittedOffset, other: CommittedOffset): boolean {
  return one.partition === other.partition && one.offset === other.offset && one.metadata === other.metadata;
}

/** A broker may not have heard of a topic that is there: that is no topic without an id, and no other one. */
function idOf(topics: ReadonlyMap<string, TopicDescription>, name: string): string {
  const found = topics.get(name);
  if (found === undefined) throw new Error(`the broker does not know the topic '${name}'`);
  return found.id ?? '';
}

function committedOf(found: CommittedOffset | undefined, partition: number): TakingFinding['committed'] {
  // An answer that leaves a partition out is not the answer "never committed".
  if (found === undefined) throw new Error(`the committed offset of partition ${partition} was not told`);
  return found.offset === undefined ? undefined : { offset: found.offset, metadata: found.metadata };
}

function endsOf(found: LogEnds | undefined, partition: number): LogEnds {
  if (found === undefined) throw new Error(`the log ends of partition ${partition} were not told`);
  return found;
}
