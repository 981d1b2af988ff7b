import type { Admin } from './admin.ts';
import type { Appender, Membership, MembershipOptions, Reader, ReaderOptions } from './port.ts';

/** How the rest of keylane gets at a cluster. Connects nothing by itself; each method connects what it returns. */
export interface KafkaDriver {
  /**
   * Limits that the embedded cluster has and a real one has not; undefined on a real cluster. Code that depends on
   * them says so where it does.
   */
  readonly embedded: EmbeddedLimits | undefined;
  appender(): Promise<Appender>;
  reader(options: ReaderOptions): Promise<Reader>;
  membership(options: MembershipOptions): Membership;
  admin(): Promise<Admin>;
  /** Closes shared resources (the embedded cluster). What the other methods returned is closed by whoever asked for it. */
  close(): Promise<void>;
}

export interface EmbeddedLimits {
  /** Topics come into being with this many partitions, whatever is asked. */
  readonly partitionsPerTopic: number;
  /** Unfinished bytes a partition keeps before it would evict records silently. */
  readonly partitionBytes: number;
}
