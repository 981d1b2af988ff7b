import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, vi } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

it('the examples of docs/producing.md run, one after the other, on embedded Kafka', async () => {
  const text = await readFile(join(root, 'docs/producing.md'), 'utf8');
  const examples = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code);
  expect(examples.length).toBeGreaterThan(6);
  const code = examples
    .join('\n')
    .replace("from 'keylane'", "from '../../src/index.ts'")
    .replaceAll("brokers: ['b1.example:9092']", 'embedded: true');
  const said: unknown[] = [];
  const log = vi.spyOn(console, 'log').mockImplementation((...words) => void said.push(...words));
  // Inside the package, so that its dependencies are found.
  const folder = await mkdtemp(join(root, 'test/docs-'));
  try {
    const file = join(folder, 'examples.ts');
    await writeFile(file, code);
    await import(file);
  } finally {
    log.mockRestore();
    await rm(folder, { recursive: true, force: true });
  }
  // A receipt (id, partition, offset, time) and the outcome of what was aborted.
  expect(said).toHaveLength(5);
  expect(said[2]).toBe(0n);
  expect(said[4]).toBe('absent');
});
