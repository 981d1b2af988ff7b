import { defaultCodecLimits } from '../../../src/codec/codec-limits.ts';
import { PART_OVERHEAD_BYTES } from '../../../src/codec/part.ts';
import { checkEvents } from '../../checker/check-history.ts';
import type { LogEvent } from '../../checker/events.ts';
import { clusterAdmin } from '../cluster-admin.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import { worldOfGroup } from '../group-under-load.ts';
import { checkStarts, purgeCount } from '../retention-rules.ts';
import {
  figuresOf,
  laneOf,
  type Outcome,
  type Played,
  play,
  type RunSize,
  type Scenario,
  type ScenarioOptions,
} from '../scenario.ts';
import { UploadCourse, type UploadPlan } from '../upload-course.ts';
import { newQueueName, type WorldOptions } from '../world.ts';

const sizes: Readonly<Record<RunSize, UploadPlan>> = {
  full: { partitions: 26, rounds: 4, torn: 6 },
  quick: { partitions: 4, rounds: 1, torn: 2 },
  tiny: { partitions: 4, rounds: 1, torn: 1 },
};

const KEEP_MS = 2_000;
const UPLOAD_MS = 6_000;
/** As keylane derives them. */
const MARGIN_MS = 2_000;
const PURGE_EVERY_MS = 1_000;
const STATED_EVERY_MS = 2_000;
/** Parts are as old as this when they go, and their tasks' records are gone before. */
const PARTS_GO_MS = KEEP_MS + UPLOAD_MS + MARGIN_MS;
const GO_MS = PARTS_GO_MS + 2 * STATED_EVERY_MS + 3 * PURGE_EVERY_MS;
const PART_BYTES = defaultCodecLimits.maxRecordBytes - PART_OVERHEAD_BYTES;
/** Two parts or three each. */
const MIN_BYTES = 950_000;
const MAX_BYTES = 1_900_000;

export const uploadLifecycle: Scenario = {
  name: 'upload-lifecycle',
  about:
    'parts are there for as long as a task may need them (slow uploads, backlogs, held and parked keys), and gone soon after',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const plan = sizes[options.size];
  const queue = newQueueName();
  const behind = `${queue}-behind`;
  const admin = clusterAdmin(options.brokers);
  const world: WorldOptions = {
    ...worldOf(options, plan),
    queue,
    queueOptions: {
      retention: { keepFinishedMs: KEEP_MS },
      uploadTimeoutMs: UPLOAD_MS,
      groups: [queue, behind],
    },
  };
  const times = { keepMs: KEEP_MS, uploadMs: UPLOAD_MS, partsGoMs: PARTS_GO_MS };
  const course = new UploadCourse(world, { ...plan, ...times, behind, admin });
  try {
    const played = await play(
      options,
      world,
      {
        minimum: { acked: 20 * plan.rounds, finished: 20 * plan.rounds, kills: plan.torn },
        check: { parkedKeys: (key) => key === course.keys.parked },
      },
      (opened) => course.play(opened),
    );
    return outcomeOf(course, played);
  } finally {
    await admin.close();
  }
}

function worldOf(options: ScenarioOptions, { partitions }: UploadPlan): WorldOptions {
  const world = worldOfGroup(options, {
    partitions,
    worker: {
      concurrency: 8,
      commitIntervalMs: 200,
      detectFailureMs: 30_000,
      work: { kind: 'sleep', minMs: 0, maxMs: 0 },
    },
  });
  return {
    ...world,
    producer: {
      payloads: { seed: options.seed, minBytes: 100, maxBytes: 100 },
      bodies: {
        seed: options.seed,
        minBytes: MIN_BYTES,
        maxBytes: MAX_BYTES,
        kinds: ['random', 'compressible'],
      },
      window: 8,
    },
  };
}

function outcomeOf(course: UploadCourse, played: Played): Outcome {
  const { events, figures, parts, queue } = course;
  const behind = checkEvents(course.behindEvents, { laneOf });
  const acked = new Set(events.flatMap((e) => (e.event === 'enqueue-acked' ? [e.id] : [])));
  const partsOfTasks = events.reduce(
    (sum, e) => (e.event === 'enqueue-called' && acked.has(e.id) ? sum + partCountOf(e.bytes) : sum),
    0,
  );
  const written = parts.at(-1)?.logs.reduce((sum, { end }) => sum + end, 0) ?? 0;
  const problems = [
    ...played.problems,
    ...behind.violations.map((v) => `${v.property}: ${v.text} (group that was behind)`),
    ...checkStarts(queue),
    ...checkLate(events, course.lateIds),
    ...course.problems,
  ];
  const orphans = written - partsOfTasks;
  if (orphans <= 0) problems.push('exercised too little: no parts without a task');
  const goals = [
    numberGoal('after the last task, until no part was left', figures.emptiedMs, {
      bound: { atMost: GO_MS },
      show: (ms) => `${ms.toFixed(0)} ms`,
    }),
  ];
  return {
    problems,
    missed: missedOf(goals),
    figures: [
      ...goals.map(figureOf),
      ['parts written, of tasks', `${written}, ${partsOfTasks}`],
      ['log starts seen to move, queue and parts', `${purgeCount(queue)}, ${purgeCount(parts)}`],
      ['slow uploads', `${figures.slowMs.map((ms) => `${ms.toFixed(0)} ms`).join(', ')} of ${UPLOAD_MS} ms`],
      ['log starts of parts moved meanwhile', String(figures.movedWhileSlow)],
      ['too late, void', `${course.lateIds.length}, ${events.filter((e) => e.event === 'task-void').length}`],
      ['backlog of the second group', `${figures.backlog} bodies, ${figures.backlogMs.toFixed(0)} ms old`],
      ['second group finished', `${behind.figures.finished} tasks`],
      ...figuresOf(played.report),
    ],
    report: played.report,
  };
}

/** What fits the record of its task has no parts. */
function partCountOf(bytes: number): number {
  return bytes > defaultCodecLimits.compressAboveBytes ? Math.ceil(bytes / PART_BYTES) : 0;
}

/** Each of them was said to be absent because it was too late. */
function checkLate(events: readonly LogEvent[], ids: readonly string[]): string[] {
  const problems: string[] = [];
  const failed = new Map(events.flatMap((e) => (e.event === 'enqueue-failed' ? [[e.id, e] as const] : [])));
  for (const id of ids) {
    const failure = failed.get(id);
    const said = failure === undefined ? 'nothing' : `${failure.outcome}, ${failure.code}`;
    if (said !== 'absent, UPLOAD_TOO_LATE')
      problems.push(`too late: of ${id} its producer was told: ${said}`);
  }
  const voids = new Set(events.flatMap((e) => (e.event === 'task-void' ? [e.id] : [])));
  if (!ids.some((id) => voids.has(id)))
    problems.push('exercised too little: no record came too late into the log');
  return problems;
}
