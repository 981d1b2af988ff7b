import type { KafkaDriver } from '../../src/kafka/driver.ts';
import type {
  GroupProtocol,
  Membership,
  MembershipEvent,
  OffsetCommit,
  TopicPartition,
} from '../../src/kafka/port.ts';

export interface MemberSettings {
  readonly group: string;
  readonly topics: readonly string[];
  readonly protocol: GroupProtocol;
  readonly staticMemberId?: string;
  readonly sessionTimeoutMs?: number;
  readonly maxPollIntervalMs?: number;
}

/** A member that keeps book of what it is told. It answers revokes at once unless told to wait. */
export class WatchedMember {
  readonly settings: MemberSettings;
  readonly membership: Membership;
  readonly events: MembershipEvent[] = [];
  /** Revokes that wait for their answer. */
  readonly unanswered: (() => void)[] = [];
  /** Partitions it may work on: not those it was asked to give up. */
  readonly owned = new Set<number>();
  answersAtOnce = true;

  constructor(driver: KafkaDriver, settings: MemberSettings) {
    this.settings = settings;
    this.membership = driver.membership({
      group: settings.group,
      topics: settings.topics,
      protocol: settings.protocol,
      sessionTimeoutMs: settings.sessionTimeoutMs ?? 6_000,
      maxPollIntervalMs: settings.maxPollIntervalMs ?? 60_000,
      staticMemberId: settings.staticMemberId,
      rackId: undefined,
    });
  }

  join(): Promise<void> {
    return this.membership.join((event) => this.#onEvent(event));
  }

  eventsOf<K extends MembershipEvent['kind']>(kind: K): Extract<MembershipEvent, { kind: K }>[] {
    return this.events.filter((event): event is Extract<MembershipEvent, { kind: K }> => event.kind === kind);
  }

  /** Answers what waits, and from now on at once. */
  answer(): void {
    this.answersAtOnce = true;
    for (const answer of this.unanswered.splice(0)) answer();
  }

  /** Commits one offset; undefined = acknowledged. */
  async commit(offset: OffsetCommit): Promise<string | undefined> {
    const [outcome] = await this.membership.commit([offset]);
    return outcome?.failure?.kind;
  }

  #onEvent(event: MembershipEvent): void {
    this.events.push(event);
    switch (event.kind) {
      case 'assigned':
        for (const { partition } of event.partitions) this.owned.add(partition);
        return;
      case 'revoked':
        this.#remove(event.partitions);
        if (this.answersAtOnce) event.answer();
        else this.unanswered.push(event.answer);
        return;
      case 'lost':
        this.#remove(event.partitions);
        return;
      case 'problem':
    }
  }

  #remove(partitions: readonly TopicPartition[]): void {
    for (const { partition } of partitions) this.owned.delete(partition);
  }
}
