/** Broker settings as a fresh Apache Kafka 4 broker reports them, as far as somebody might look at them. */
export const brokerDefaults: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'true',
  'compression.type': 'producer',
  'default.replication.factor': '1',
  'group.consumer.heartbeat.interval.ms': '5000',
  'group.consumer.session.timeout.ms': '45000',
  'group.max.session.timeout.ms': '1800000',
  'group.min.session.timeout.ms': '6000',
  'log.cleanup.policy': 'delete',
  'log.message.timestamp.type': 'CreateTime',
  'log.retention.bytes': '-1',
  'log.retention.hours': '168',
  'message.max.bytes': '1048588',
  'min.insync.replicas': '1',
  'num.partitions': '1',
  'offsets.retention.minutes': '10080',
  'offsets.topic.num.partitions': '50',
  'offsets.topic.replication.factor': '3',
  'socket.request.max.bytes': '104857600',
  'unclean.leader.election.enable': 'false',
};

/** Topic settings and, where a broker setting stands behind them, its name. */
const topicSettings: readonly (readonly [
  name: string,
  brokerSetting: string | undefined,
  fallback: string,
])[] = [
  ['cleanup.policy', 'log.cleanup.policy', 'delete'],
  ['compression.type', 'compression.type', 'producer'],
  ['delete.retention.ms', undefined, '86400000'],
  ['max.message.bytes', 'message.max.bytes', '1048588'],
  ['message.timestamp.after.max.ms', undefined, '3600000'],
  ['message.timestamp.before.max.ms', undefined, '9223372036854775807'],
  ['message.timestamp.type', 'log.message.timestamp.type', 'CreateTime'],
  ['min.cleanable.dirty.ratio', undefined, '0.5'],
  ['min.compaction.lag.ms', undefined, '0'],
  ['min.insync.replicas', 'min.insync.replicas', '1'],
  ['retention.bytes', 'log.retention.bytes', '-1'],
  ['retention.ms', undefined, '604800000'],
  ['segment.bytes', undefined, '1073741824'],
  ['segment.ms', undefined, '604800000'],
  ['unclean.leader.election.enable', 'unclean.leader.election.enable', 'false'],
];

/** Configs of Kafka's own topic of committed offsets. Its min.insync.replicas is the broker's. */
export const offsetsTopicConfigs: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'segment.bytes': '104857600',
};

/** The names a topic may set; Kafka refuses others. */
export function isTopicSetting(name: string): boolean {
  return topicSettings.some(([known]) => known === name);
}

/** What applies to a topic: its own settings, else the broker's, else Kafka's defaults. */
export function effectiveConfigs(
  own: ReadonlyMap<string, string>,
  broker: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map(
    topicSettings.map(([name, brokerSetting, fallback]) => {
      const inherited = brokerSetting === undefined ? undefined : broker.get(brokerSetting);
      return [name, own.get(name) ?? inherited ?? fallback];
    }),
  );
}
