import type { ConfigMap } from '../kafka/admin.ts';
import { setConfig, spanOf } from './cures.ts';
import type { PlannedTopic } from './topic-plan.ts';
import type { TopicProblem } from './topic-problem.ts';

/** Judges how long Kafka itself keeps a topic's records, against what the queue's retention asks for. */
export function judgeRetention(
  { role, retentionMs, segmentMs }: PlannedTopic,
  topic: string,
  configs: ConfigMap,
): readonly TopicProblem[] {
  const problems: TopicProblem[] = [];
  const actualMs = Number(configs.get('retention.ms') ?? -1);
  if (retentionMs === undefined) {
    if (actualMs >= 0) problems.push(finite(role, topic, actualMs));
  } else if (actualMs >= 0 && actualMs < retentionMs) {
    problems.push(tooShort(role, topic, { actualMs, retentionMs }));
  } else if (actualMs !== retentionMs) {
    problems.push(tooLong(role, topic, { actualMs, retentionMs }));
  }
  const retentionBytes = Number(configs.get('retention.bytes') ?? -1);
  if (retentionBytes >= 0) {
    problems.push({
      code: 'RETENTION_BYTES_FINITE',
      severity: 'refuse',
      topic,
      what: `retention.bytes is ${retentionBytes}: Kafka deletes what is beyond that in a partition, finished or not`,
      cure: setConfig(topic, 'retention.bytes=-1'),
    });
  }
  const actualSegmentMs = Number(configs.get('segment.ms') ?? 0);
  if (segmentMs !== undefined && actualSegmentMs > segmentMs) {
    problems.push({
      code: 'SEGMENT_TIME_TOO_LONG',
      severity: 'warn',
      topic,
      what: `segment.ms is ${actualSegmentMs} (${spanOf(actualSegmentMs)}): Kafka deletes whole segments, so tasks may outlive the parts of large ones, which are kept for segments of ${spanOf(segmentMs)}`,
      cure: setConfig(topic, `segment.ms=${segmentMs}`),
    });
  }
  return problems;
}

type Role = PlannedTopic['role'];

function finite(role: Role, topic: string, actualMs: number): TopicProblem {
  const unlimited = setConfig(topic, 'retention.ms=-1');
  // Only tasks, and with them their parts, may be given a time: what is parked and the journal have none.
  const ofTime = role === 'queue' || role === 'parts';
  return {
    code: 'RETENTION_TIME_FINITE',
    severity: 'refuse',
    topic,
    what: `retention.ms is ${actualMs} (${spanOf(actualMs)}): Kafka deletes records of that age, finished or not`,
    cure: ofTime
      ? `${unlimited}. If tasks shall have a time limit, declare retention: { timeMs } in every producer and worker instead`
      : unlimited,
  };
}

interface Times {
  readonly actualMs: number;
  /** As declared. */
  readonly retentionMs: number;
}

function tooShort(role: Role, topic: string, { actualMs, retentionMs }: Times): TopicProblem {
  const what =
    role === 'parts'
      ? `retention.ms is ${actualMs} (${spanOf(actualMs)}): the parts of large tasks would be gone before their tasks; retention.timeMs and uploadTimeoutMs ask for ${retentionMs}`
      : `retention.ms is ${actualMs} (${spanOf(actualMs)}), and retention.timeMs is ${retentionMs}: Kafka deletes tasks earlier than declared, finished or not`;
  return {
    code: 'RETENTION_TIME_TOO_SHORT',
    severity: 'refuse',
    topic,
    what,
    cure: setConfig(topic, `retention.ms=${retentionMs}`),
  };
}

function tooLong(role: Role, topic: string, { actualMs, retentionMs }: Times): TopicProblem {
  const actual = actualMs < 0 ? 'unlimited' : `${actualMs} (${spanOf(actualMs)})`;
  const why =
    role === 'parts'
      ? `${retentionMs} (${spanOf(retentionMs)}) is enough for retention.timeMs and uploadTimeoutMs: it only takes room`
      : `retention.timeMs is ${retentionMs} (${spanOf(retentionMs)}): tasks stay longer than declared, and large ones may outlive their parts`;
  return {
    code: 'RETENTION_TIME_TOO_LONG',
    severity: 'warn',
    topic,
    what: `retention.ms is ${actual}, and ${why}`,
    cure: setConfig(topic, `retention.ms=${retentionMs}`),
  };
}
