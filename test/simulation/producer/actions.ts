import fc from 'fast-check';

/** What became of a record, as the simulated broker decides it. */
export type Fate =
  | 'appended'
  | 'refused'
  /** Surely absent, for a passing reason. */
  | 'passed-over'
  | 'unknown-in-log'
  | 'unknown-lost'
  /** In the log only after everything else was decided, as a request of a dead producer may. */
  | 'unknown-late'
  /** Acknowledged, with no offset, and not in the log. */
  | 'acked-without-offset';

export type Action =
  | {
      readonly kind: 'add';
      readonly partition: number;
      readonly key: number;
      readonly bytes: number;
      readonly guess: number;
      readonly timeoutMs: number;
      readonly encode: 'at-once' | 'later' | 'upload' | 'fails';
      readonly validates: boolean;
    }
  /** One of the validations or encodings that are going on ends. */
  | { readonly kind: 'prepare'; readonly pick: number; readonly ok: boolean }
  | { readonly kind: 'abort'; readonly pick: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'send' }
  /** The broker decides the oldest undecided batch of a partition. */
  | { readonly kind: 'decide'; readonly partition: number; readonly fates: readonly Fate[] }
  /** One of the decided batches' results reaches the producer. */
  | { readonly kind: 'deliver'; readonly pick: number }
  /** The client's producer met a fatal error and was rebuilt. */
  | {
      readonly kind: 'fatal';
      readonly fates: readonly ('unknown-in-log' | 'unknown-lost' | 'unknown-late')[];
    }
  | { readonly kind: 'flush' };

export const PARTITIONS = 2;
export const MAX_BYTES = 40;
const KEYS = 3;

const pick = fc.nat(1_000);

const fate: fc.Arbitrary<Fate> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Fate>('appended') },
  { weight: 1, arbitrary: fc.constant<Fate>('refused') },
  { weight: 3, arbitrary: fc.constant<Fate>('passed-over') },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Fate>(
      'unknown-in-log',
      'unknown-lost',
      'unknown-late',
      'acked-without-offset',
    ),
  },
);

const add = fc.record({
  kind: fc.constant('add' as const),
  partition: fc.nat(PARTITIONS - 1),
  key: fc.nat(KEYS - 1),
  bytes: fc.integer({ min: 1, max: MAX_BYTES }),
  guess: fc.integer({ min: 1, max: 40 }),
  timeoutMs: fc.constantFrom(10, 50, 1_000_000, 1_000_000),
  encode: fc.constantFrom('at-once', 'at-once', 'at-once', 'later', 'upload', 'fails' as const),
  validates: fc.boolean(),
});

const other: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('prepare' as const), pick, ok: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('abort' as const), pick }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.integer({ min: 1, max: 30 }) }),
  },
  { weight: 8, arbitrary: fc.constant<Action>({ kind: 'send' }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('decide' as const),
      partition: fc.nat(PARTITIONS - 1),
      fates: fc.array(fate, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('deliver' as const), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('fatal' as const),
      fates: fc.array(fc.constantFrom('unknown-in-log', 'unknown-lost', 'unknown-late' as const), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Action>({ kind: 'flush' }) },
);

/** Schedules of 20 to 150 actions; about a third of them add tasks. */
export const schedules: fc.Arbitrary<readonly Action[]> = fc.array(
  fc.oneof({ weight: 16, arbitrary: add }, { weight: 33, arbitrary: other }),
  { minLength: 20, maxLength: 150, size: 'max' },
);
