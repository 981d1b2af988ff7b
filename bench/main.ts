import { benchCluster } from './support/bench-cluster.ts';

/** `npm run bench -- enqueue consume`: each name is a file of this folder. */
const benches: Readonly<Record<string, () => Promise<{ readonly run: Bench }>>> = {
  enqueue: () => import('./enqueue.ts'),
  consume: () => import('./consume.ts'),
  large: () => import('./large.ts'),
  mixed: () => import('./mixed.ts'),
};

type Bench = (cluster: Awaited<ReturnType<typeof benchCluster>>) => Promise<void>;

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  console.error(`Usage: npm run bench -- ${Object.keys(benches).join(' ')}`);
  process.exit(2);
}
await using cluster = await benchCluster();
for (const name of names) {
  const bench = await benches[name]?.();
  await bench?.run(cluster);
}
