import { EventLog } from './event-log.ts';
import { startGauges } from './gauges.ts';
import { type QueueSettings, readSettings } from './process-settings.ts';

/** A process that does nothing, and writes down how long its event loop stands still beside those of the others. */
const { folder, life } = readSettings<QueueSettings>();
const log = new EventLog(folder, life);
log.write({ event: 'process-started', pid: process.pid });
process.on('disconnect', () => process.exit(71));
process.on('message', () => process.exit(0));
startGauges(log);
