import { checkEvents } from '../../checker/check-history.ts';
import { checkRewound } from '../../checker/check-rewound.ts';
import { clusterAdmin } from '../cluster-admin.ts';
import { redrivenFigure } from '../drain.ts';
import { figureOf, missedOf, numberGoal } from '../goals.ts';
import { worldOfGroup } from '../group-under-load.ts';
import { RetentionCourse, type RetentionPlan } from '../retention-course.ts';
import { checkAges, checkStarts, longestBehindMs, purgeCount } from '../retention-rules.ts';
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
import { newQueueName, type WorldOptions } from '../world.ts';

const sizes: Readonly<Record<RunSize, RetentionPlan>> = {
  full: { partitions: 26, rounds: 8, leastTasks: 6_000 },
  quick: { partitions: 6, rounds: 1, leastTasks: 600 },
  tiny: { partitions: 4, rounds: 1, leastTasks: 300 },
};

const KEEP_MS = 4_000;
/** A dead worker holds its partitions up for so long. */
const SESSION_MS = 6_000;
/** As keylane derives them from that. */
const PURGE_EVERY_MS = 1_000;
const STATED_EVERY_MS = 4_000;
/** What is finished goes within this time; the clocks of both groups' owners start anywhere. */
const FOLLOWS_MS = KEEP_MS + 2 * STATED_EVERY_MS + 3 * PURGE_EVERY_MS;

export const retention: Scenario = {
  name: 'retention',
  about:
    'what both of two groups have finished goes soon, and nothing else, whoever joins, leaves, dies or sets offsets back',
  run,
};

async function run(options: ScenarioOptions): Promise<Outcome> {
  const size = sizes[options.size];
  const queue = newQueueName();
  const slow = `${queue}-slow`;
  const admin = clusterAdmin(options.brokers);
  const queueOptions = { retention: { keepFinishedMs: KEEP_MS }, groups: [queue, slow] };
  const world = { ...worldOf(options, size), queue, queueOptions };
  const course = new RetentionCourse(world, { ...size, slow, admin, keepMs: KEEP_MS });
  try {
    const kills = size.rounds;
    const played = await play(
      options,
      world,
      {
        minimum: { acked: size.leastTasks, finished: size.leastTasks, kills, stops: 3, rebalances: 4 },
        // It may not have come so far.
        judge: (events, check) =>
          course.rewind.to.size === 0
            ? checkEvents(events, check)
            : checkRewound(events, course.rewind, check),
      },
      (opened) => course.play(opened),
    );
    return outcomeOf(course, played, size);
  } finally {
    await admin.close();
  }
}

function worldOf(options: ScenarioOptions, { partitions }: RetentionPlan): WorldOptions {
  return worldOfGroup(options, {
    partitions,
    maxBytes: 1_000,
    worker: { concurrency: 16, commitIntervalMs: 500, detectFailureMs: SESSION_MS },
  });
}

function outcomeOf(course: RetentionCourse, played: Played, size: RetentionPlan): Outcome {
  const { samples, events, rewind, figures } = course;
  const slow = checkEvents(course.slowEvents, { laneOf });
  const purges = purgeCount(samples);
  // One partition may be told of twice: who found it first may have to give it up before it has committed.
  const rewound = new Set(events.flatMap((e) => (e.event === 'rewind-obeyed' ? [e.partition] : []))).size;
  const problems = [
    ...played.problems,
    ...slow.violations.map((v) => `${v.property}: ${v.text} (slow group)`),
    ...checkStarts(samples),
    ...checkAges(samples, events, KEEP_MS),
  ];
  if (purges < 4 * size.partitions) problems.push(`exercised too little: only ${purges} purges were seen`);
  if (rewound !== rewind.to.size)
    problems.push(`exercised too little: ${rewound} of ${rewind.to.size} partitions found offsets set back`);
  if (slow.figures.finished < size.leastTasks)
    problems.push(`exercised too little: the slow group finished ${slow.figures.finished} tasks`);
  const goals = [
    numberGoal('after the last task, until nothing was left', figures.emptiedMs, {
      bound: { atMost: FOLLOWS_MS },
      show: (ms) => `${ms.toFixed(0)} ms`,
    }),
  ];
  return {
    problems,
    missed: missedOf(goals),
    figures: [
      ...goals.map(figureOf),
      ['log starts seen to move', String(purges)],
      ['idle partition emptied, under load', `${figures.idleMs.toFixed(0)} ms after the slow group began`],
      ['set back', `1 time, ${figures.setBack} tasks in ${rewind.to.size} partitions`],
      ['longest behind what both had committed', `${(longestBehindMs(samples) / 1_000).toFixed(1)} s`],
      [
        'the slow group finished',
        `${slow.figures.finished} tasks, ${slow.figures.kills} kills, ${slow.figures.reruns} re-runs`,
      ],
      ...figuresOf(played.report),
      redrivenFigure(played.report),
    ],
    report: played.report,
  };
}
