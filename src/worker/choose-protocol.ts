import type { Admin } from '../kafka/admin.ts';
import type { KafkaDriver } from '../kafka/driver.ts';
import type { GroupProtocol } from '../kafka/port.ts';
import type { Logger } from '../telemetry/logger.ts';

/** By which protocol a group's members join: the one that was asked for, the living group's, or the newest there is. */
export async function chooseProtocol(
  wanted: GroupProtocol | 'auto',
  world: {
    readonly group: string;
    readonly driver: KafkaDriver;
    readonly admin: () => Promise<Admin>;
    readonly logger: Logger;
  },
): Promise<GroupProtocol> {
  const { group, driver, logger } = world;
  if (wanted !== 'auto') return wanted;
  if (driver.embedded !== undefined) return 'consumer';
  const admin = await world.admin();
  const alive = await admin.groupProtocol(group);
  if (alive !== 'none') return alive;
  const chosen = (await admin.offersConsumerProtocol()) ? 'consumer' : 'classic';
  logger.info(`group '${group}' uses the ${chosen} protocol`);
  return chosen;
}
