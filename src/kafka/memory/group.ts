import type { Clock, Timer } from '../../clock/clock.ts';
import type { GroupMember } from '../admin.ts';
import type {
  GroupProtocol,
  KafkaFailure,
  MembershipOptions,
  OffsetCommit,
  TopicPartition,
} from '../port.ts';
import { balance } from './balance.ts';
import { failures, unknownTopic } from './failures.ts';
import { nameOf } from './partition-name.ts';

/** The port's limit. A broker's own is 4,095 (offset.metadata.max.bytes). */
const MAX_METADATA_CHARS = 4_000;

/** What the coordinator tells a member. */
export type Notice =
  | { readonly kind: 'assigned'; readonly partitions: readonly TopicPartition[] }
  | { readonly kind: 'revoked'; readonly partitions: readonly TopicPartition[] }
  /** The member is out of the group; `partitions` are those it was not asked for before. */
  | {
      readonly kind: 'expelled';
      readonly partitions: readonly TopicPartition[];
      readonly failure: KafkaFailure;
    }
  /** It gave up everything as it wished. */
  | { readonly kind: 'left' };

/** Somebody in a group, as the coordinator sees it. */
export interface Seat {
  readonly options: MembershipOptions;
  readonly topics: readonly string[];
  readonly notify: (notice: Notice) => void;
  /** What nobody else may own yet, including what is being revoked. */
  readonly owned: Map<string, TopicPartition>;
  /** Asked for and not answered. */
  revoking: ReadonlyMap<string, TopicPartition> | undefined;
  /** Of what it owns: given to it by an answer that it never heard. */
  readonly unheard: Map<string, TopicPartition>;
  /** It never heard what it was asked for last. */
  deaf: boolean;
  /** Gives everything up and then goes. */
  leaving: boolean;
  /** A static member that leaves: its process gives everything up, its seat keeps it for the next one of that name. */
  keepsAll: boolean;
  /** Answered a revoke and waits for the new generation: its commits are refused (classic only). */
  rejoining: boolean;
  /** Runs while the member is out of contact. */
  sessionTimer: Timer | undefined;
}

export interface StoredOffset {
  readonly offset: number;
  readonly metadata: string;
}

export interface GroupSurroundings {
  readonly clock: Clock;
  /** Kafka: group.consumer.session.timeout.ms. */
  readonly consumerSessionTimeoutMs: () => number;
  readonly exists: (partition: TopicPartition) => boolean;
  readonly partitionsOf: (topic: string) => readonly TopicPartition[];
}

interface Balanced {
  readonly partitions: readonly TopicPartition[];
  /** By partition. */
  readonly owners: ReadonlyMap<string, Seat>;
  readonly target: ReadonlyMap<string, Seat>;
}

/** The coordinator of one group: who is in, who owns what, what is committed. Ownership never overlaps. */
export class Group {
  readonly #around: GroupSurroundings;
  readonly #seats: Seat[] = [];
  readonly #offsets = new Map<string, StoredOffset>();

  constructor(around: GroupSurroundings) {
    this.#around = around;
  }

  get seats(): readonly Seat[] {
    return this.#seats;
  }

  /** Undefined without members. Brokers let both kinds into one group, which is a KIP-848 one while it has such a member. */
  get protocol(): GroupProtocol | undefined {
    const spoken = this.#seats.map(({ options }) => options.protocol);
    return spoken.includes('consumer') ? 'consumer' : spoken[0];
  }

  get offsets(): ReadonlyMap<string, StoredOffset> {
    return this.#offsets;
  }

  /** A seat for a newcomer; one with the static id of a seat takes that over, with all it owns. */
  join(options: MembershipOptions, notify: Seat['notify']): Seat {
    const seat: Seat = {
      options,
      topics: options.topics,
      notify,
      owned: new Map(),
      revoking: undefined,
      unheard: new Map(),
      deaf: false,
      leaving: false,
      keepsAll: false,
      rejoining: false,
      sessionTimer: undefined,
    };
    const predecessor = this.#seats.find(
      ({ options: { staticMemberId } }) =>
        staticMemberId !== undefined && staticMemberId === options.staticMemberId,
    );
    if (predecessor === undefined) {
      this.#seats.push(seat);
    } else {
      for (const [name, partition] of predecessor.owned) seat.owned.set(name, partition);
      predecessor.sessionTimer?.clear();
      this.#seats.splice(this.#seats.indexOf(predecessor), 1, seat);
      predecessor.notify(expelled(predecessor, failures.fencedInstance));
      if (seat.owned.size > 0) notify({ kind: 'assigned', partitions: [...seat.owned.values()] });
    }
    this.reconcile();
    return seat;
  }

  /** The member gave up what it was asked for. */
  answer(seat: Seat): void {
    if (!this.#seats.includes(seat) || seat.revoking === undefined) return;
    if (seat.keepsAll) {
      this.loseContact(seat);
      seat.notify({ kind: 'left' });
      return;
    }
    for (const name of seat.revoking.keys()) seat.owned.delete(name);
    seat.revoking = undefined;
    seat.rejoining = seat.options.protocol === 'classic';
  }

  /** Asks for everything; `left` is told once nothing is owned any more. */
  leave(seat: Seat): void {
    seat.leaving = true;
    for (const name of seat.unheard.keys()) seat.owned.delete(name);
    if (seat.deaf) seat.revoking = undefined;
    this.reconcile();
  }

  /** The answer that said so got lost on its way, and nobody sends it again. */
  unheard(
    seat: Seat,
    { kind, partitions }: Extract<Notice, { readonly kind: 'assigned' | 'revoked' }>,
  ): void {
    if (kind === 'revoked') seat.deaf = true;
    else for (const partition of partitions) seat.unheard.set(nameOf(partition), partition);
  }

  /** What each member owns, and should. */
  describe(): readonly GroupMember[] {
    const { target, partitions } = this.#balanced();
    return this.#seats.map((seat) => ({
      owns: [...seat.owned.values()],
      shouldOwn: partitions.filter((partition) => target.get(nameOf(partition)) === seat),
    }));
  }

  /** The member is out of contact: its seat is kept until its session times out. */
  loseContact(seat: Seat): void {
    if (!this.#seats.includes(seat)) return;
    seat.sessionTimer?.clear();
    const { protocol, sessionTimeoutMs } = seat.options;
    const timeoutMs = protocol === 'classic' ? sessionTimeoutMs : this.#around.consumerSessionTimeoutMs();
    seat.sessionTimer = this.#around.clock.setTimer(timeoutMs, () => this.expel(seat), { background: true });
  }

  /** In contact again, in time. */
  regainContact(seat: Seat): void {
    seat.sessionTimer?.clear();
    seat.sessionTimer = undefined;
  }

  /** Takes the seat away; others may own what it owned from now on. */
  expel(seat: Seat, failure: KafkaFailure = failures.fenced): void {
    if (!this.#remove(seat)) return;
    seat.notify(expelled(seat, failure));
    this.reconcile();
  }

  /** Undefined = stored. Like a broker, it looks at the membership only, not at who owns the partition. */
  commit(seat: Seat, { metadata, offset, ...partition }: OffsetCommit): KafkaFailure | undefined {
    if (!this.#seats.includes(seat)) return failures.fenced;
    if (seat.rejoining) return failures.rebalancing;
    if (metadata.length > MAX_METADATA_CHARS) return failures.metadataTooLarge;
    if (metadata.includes('\0')) return failures.metadataWithNul;
    if (!this.#around.exists(partition)) {
      return unknownTopic(partition);
    }
    this.#offsets.set(nameOf(partition), { offset, metadata });
    return undefined;
  }

  /** Moves ownership one step towards balance: asks for what should move, hands out what is free. */
  reconcile(): void {
    const { target, partitions, owners } = this.#balanced();
    for (const seat of this.#seats.slice()) {
      if (seat.revoking !== undefined || seat.keepsAll) continue;
      if (seat.leaving && isStatic(seat)) {
        seat.keepsAll = true;
        this.#ask(seat, new Map(seat.owned));
        continue;
      }
      const surplus = new Map([...seat.owned].filter(([name]) => target.get(name) !== seat));
      if (surplus.size > 0) {
        this.#ask(seat, surplus);
        continue;
      }
      seat.rejoining = false;
      if (seat.leaving) {
        this.#remove(seat);
        seat.notify({ kind: 'left' });
        continue;
      }
      const gained = partitions.filter((p) => target.get(nameOf(p)) === seat && !owners.has(nameOf(p)));
      if (gained.length === 0) continue;
      for (const partition of gained) seat.owned.set(nameOf(partition), partition);
      seat.notify({ kind: 'assigned', partitions: gained });
    }
  }

  #balanced(): Balanced {
    const staying = this.#seats.filter((seat) => !seat.leaving || isStatic(seat));
    const partitions = [...new Set(staying.flatMap(({ topics }) => topics))].flatMap(
      this.#around.partitionsOf,
    );
    const owners = new Map(
      this.#seats.flatMap((seat) => [...seat.owned.keys()].map((name) => [name, seat] as const)),
    );
    const target = balance(staying, partitions, (partition) => owners.get(nameOf(partition)));
    return { target, partitions, owners };
  }

  #ask(seat: Seat, partitions: ReadonlyMap<string, TopicPartition>): void {
    seat.revoking = partitions;
    if (partitions.size > 0) seat.notify({ kind: 'revoked', partitions: [...partitions.values()] });
    else this.answer(seat);
  }

  #remove(seat: Seat): boolean {
    const index = this.#seats.indexOf(seat);
    if (index === -1) return false;
    this.#seats.splice(index, 1);
    seat.sessionTimer?.clear();
    return true;
  }
}

function isStatic({ options }: Seat): boolean {
  return options.staticMemberId !== undefined;
}

function expelled({ owned, revoking }: Seat, failure: KafkaFailure): Notice {
  const partitions = [...owned]
    .filter(([name]) => revoking?.has(name) !== true)
    .map(([, partition]) => partition);
  return { kind: 'expelled', partitions, failure };
}
