/** The request kinds that the proxy knows by name. Kafka: API keys. */
export const API = {
  produce: 0,
  fetch: 1,
  listOffsets: 2,
  metadata: 3,
  offsetCommit: 8,
  offsetFetch: 9,
  findCoordinator: 10,
  joinGroup: 11,
  heartbeat: 12,
  leaveGroup: 13,
  syncGroup: 14,
  apiVersions: 18,
  createTopics: 19,
  initProducerId: 22,
  offsetForLeaderEpoch: 23,
  describeCluster: 60,
  consumerGroupHeartbeat: 68,
} as const;

export type ApiName = keyof typeof API;

/**
 * The highest versions let through, by editing what brokers say in ApiVersions. From Produce 10 and Fetch 16 on,
 * responses may carry broker addresses (KIP-951), and the proxy reads what it rewrites.
 */
export const HIGHEST_VERSIONS: ReadonlyMap<number, number> = new Map([
  [API.produce, 9],
  [API.fetch, 15],
  [API.metadata, 12],
  [API.findCoordinator, 6],
]);

/** Hidden from clients: its responses carry addresses too, and Metadata tells the same. */
export const HIDDEN_APIS: ReadonlySet<number> = new Set([API.describeCluster]);

/** From these versions on, an API uses compact types and tagged fields. */
const FLEXIBLE_FROM: ReadonlyMap<number, number> = new Map([
  [API.produce, 9],
  [API.metadata, 9],
  [API.findCoordinator, 3],
  [API.apiVersions, 3],
]);

/** Whether an API of {@link FLEXIBLE_FROM} has compact types and tags in this version. */
export function isFlexible(apiKey: number, apiVersion: number): boolean {
  return apiVersion >= (FLEXIBLE_FROM.get(apiKey) ?? Number.POSITIVE_INFINITY);
}
