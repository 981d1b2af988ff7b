/** The command that sets a topic's config. */
export function setConfig(topic: string, config: string): string {
  return `kafka-configs.sh --bootstrap-server <broker> --alter --entity-type topics --entity-name ${topic} --add-config ${config}`;
}

/** A time for people. */
export function spanOf(ms: number): string {
  const count = ms / 86_400_000;
  return count >= 1 ? `${Number(count.toFixed(1))} days` : `${Number((ms / 1000).toFixed(1))} s`;
}
