import { z } from 'zod';
import { option, parseOptions } from '../options/parse-options.ts';
import { readCursor } from './selection.ts';

/** Longest wait for a command's end, and longest name of who asked. */
const MAX_WAIT_MS = 86_400_000;
const MAX_BY_LENGTH = 200;

const text = (what: string, cure: string): z.ZodOptional<z.ZodString> =>
  option(z.string().min(1).optional(), `must be ${what}`, cure);

const key = (): z.ZodString =>
  option(z.string().min(1), 'must be a non-empty string', "Pass the tasks' ordering key.");

const date = (): z.ZodOptional<z.ZodDate> =>
  option(z.date().optional(), 'must be a valid Date', 'Pass new Date(...).');

const whole = (): z.ZodInt => z.int().min(0);

const group = option(
  z.string().min(1).max(249).optional(),
  'must be a group name of 1 to 249 characters',
  "Leave it out for the queue's own name.",
);

const signal = option(
  z.instanceof(AbortSignal).optional(),
  'must be an AbortSignal',
  'Leave it out, or pass the signal of an AbortController.',
);

const commandShape = {
  group,
  by: option(
    z.string().min(1).max(MAX_BY_LENGTH).optional(),
    `must be a text of 1 to ${MAX_BY_LENGTH} characters`,
    'Leave it out for user@host:pid.',
  ),
  signal,
};

const waitMs = option(
  z.int().min(0).max(MAX_WAIT_MS).default(0),
  'must be a whole number of milliseconds, at most a day',
  'Leave it out to return as soon as the commands are durable.',
);

const filterShape = {
  key: text('a non-empty string', "Pass the tasks' ordering key."),
  type: text('a task type', 'Pass the type of the task that was parked first.'),
  id: text('a task id', 'Pass the id of the task that was parked first.'),
  before: date(),
  after: date(),
};

/** Other fields may be there: what `list` and `show` gave can be passed as it is. */
const markRef = z.object({
  partition: option(whole(), 'must be a partition number', 'Pass what parked.list() returned.'),
  mark: option(whole(), "must be a mark's number", 'Pass what parked.list() returned.'),
});

const taskRef = markRef.extend({
  offset: option(
    z.bigint().min(0n).max(BigInt(Number.MAX_SAFE_INTEGER)),
    "must be the task's offset, a bigint",
    'Pass what parked.show() gave.',
  ),
});

const selection = z
  .strictObject({
    ...filterShape,
    marks: option(
      z.array(markRef).optional(),
      'must be a list of { partition, mark }',
      'Pass what parked.list() returned.',
    ),
    all: option(
      z.literal(true).optional(),
      'must be true or left out',
      'Leave it out to select by something else.',
    ),
  })
  .refine(
    (given) => waysToSelect(given) === 1,
    'must name what is meant in one way: by key, type, id, before and after; or by marks; or all: true',
  );

function waysToSelect({ marks, all, ...filter }: object & { marks?: unknown; all?: unknown }): number {
  const filters = Object.values(filter).some((value) => value !== undefined);
  return Number(marks !== undefined) + Number(all !== undefined) + Number(filters);
}

export const schemas = {
  list: z.strictObject({
    group,
    ...filterShape,
    limit: option(
      z.int().min(1).max(10_000).default(100),
      'must be a whole number from 1 to 10,000',
      'Leave it out for 100.',
    ),
    cursor: option(
      z
        .string()
        .refine((given) => readCursor(given) !== undefined)
        .transform(readCursor)
        .optional(),
      'must be the `next` of an earlier page',
      'Leave it out to begin at the oldest.',
    ),
    signal,
  }),
  show: z.strictObject({
    group,
    payload: option(z.boolean().default(false), 'must be true or false', 'Leave it out for false.'),
    signal,
  }),
  keyTarget: z.strictObject({ key: key() }),
  markRef,
  taskRef,
  selection,
  end: z.strictObject({
    ...commandShape,
    waitMs,
    dryRun: option(z.boolean().default(false), 'must be true or false', 'Leave it out for false.'),
    force: option(z.boolean().default(false), 'must be true or false', 'Leave it out for false.'),
    perSecond: option(
      z.number().positive().max(100_000).optional(),
      'must be a number above 0',
      'Leave it out to send all commands at once.',
    ),
  }),
  park: z.strictObject({ ...commandShape, key: key(), waitMs }),
  skip: z.strictObject({
    ...commandShape,
    key: key(),
    id: option(z.string().min(1).max(512), 'must be a task id', 'Pass the id of the task to skip.'),
    waitMs,
  }),
  hold: z
    .strictObject({
      ...commandShape,
      key: text('a non-empty string', "Pass the tasks' ordering key."),
      type: text('a task type', 'Pass a type of the task map.'),
    })
    .refine(
      ({ key: one, type: other }) => (one === undefined) !== (other === undefined),
      'must have a key, or a type, not both',
    ),
  holds: z.strictObject({ group, signal }),
  acceptLoss: z.strictObject({
    ...commandShape,
    partition: option(whole(), 'must be a partition number', 'Pass the partition that is halted.'),
    below: option(
      z.bigint().min(0n).max(BigInt(Number.MAX_SAFE_INTEGER)),
      'must be an offset, a bigint',
      'Pass the `to` of the partition-halted event, or of health().',
    ),
    waitMs,
  }),
};

/** @throws OptionsError */
export function parsed<S extends z.ZodObject>(call: string, schema: S, given: unknown): z.output<S> {
  return parseOptions({ call, plain: ['key'] }, schema, given ?? {}); // an ordering key, and whoever erred has to see it
}
