import { once } from 'node:events';
import { startKafka } from './cluster.ts';

/**
 * `npm run kafka`: three brokers until Ctrl-C. `--sasl-ssl` adds the secured listeners, `--brokers N` sets their
 * number, `--full-jit` lets them warm up to their full speed (for measuring).
 */
const words = process.argv.slice(2);
const brokers = words.indexOf('--brokers');
const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process, 'SIGHUP')]);
console.error('Starting Kafka...');
const started = startKafka({
  ...(brokers < 0 ? {} : { brokerCount: Number(words[brokers + 1]) }),
  ...(words.includes('--full-jit') ? { jit: 'full' } : {}),
  ...(words.includes('--sasl-ssl') ? { saslSsl: true } : {}),
});
const cluster = await Promise.race([started, stopped.then(() => undefined)]);
if (cluster === undefined) {
  // The brokers notice the end of this process by themselves.
  process.exit(130);
}
console.log(`KAFKA_BROKERS=${cluster.bootstrap}`);
if (cluster.secure !== undefined) console.log(`KAFKA_SASL_SSL_BROKERS=${cluster.secure.bootstrap}`);
console.error(`Logs: ${cluster.logFolder}. Ctrl-C stops the brokers and removes their data.`);
// The brokers' pipes do not keep this process alive; this does.
const alive = setInterval(() => undefined, 2 ** 30);
await stopped;
await cluster.stop();
clearInterval(alive);
