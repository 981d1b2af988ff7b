import { posix } from 'node:path';
import { importsOf, type ScannedSource, scanSource } from './scan-source.ts';

/** Source texts by their path below src/. */
export type Sources = ReadonlyMap<string, string>;

/** From bottom to top. A folder may import what is in a lower row. */
const LAYERS = [
  ['clock', 'errors', 'options'],
  ['kafka'],
  ['kafka/confluent', 'kafka/platformatic', 'kafka/memory'],
  ['tasks', 'codec', 'telemetry', 'journal'],
  ['producer', 'worker', 'parked', 'topics'],
  ['queue', 'store', 'index.ts'],
  ['testing', 'cli', 'board'],
] as const;

/** Imports within a row. Each pair goes one way only. */
const NEIGHBOURS: readonly (readonly [from: string, to: string])[] = [
  ['options', 'errors'],
  ['codec', 'tasks'],
  ['codec', 'journal'],
  ['index.ts', 'queue'],
  ['index.ts', 'store'],
];

const ADAPTERS: readonly string[] = ['kafka/confluent', 'kafka/platformatic', 'kafka/memory'];
const MAY_IMPORT_ADAPTERS: readonly string[] = ['queue', 'testing'];

/** Packages that one folder alone may import. */
const KEPT_PACKAGES: ReadonlyMap<string, string> = new Map([
  ['@confluentinc/kafka-javascript', 'kafka/confluent'],
  ['@platformatic/kafka', 'kafka/platformatic'],
  ['lz4-napi', 'codec'],
  ['@aws-sdk/client-s3', 'store'],
]);

/** Folders that decide and do nothing else: no clock, chance, timers, I/O, environment, waiting. */
const PURE_FOLDERS = ['journal/', 'worker/core/', 'producer/core/'];
const IMPURE: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\b/],
  ['performance', /\bperformance\b/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['crypto', /\bcrypto\s*\./],
  ['a timer', /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask)\b/],
  ['process', /\bprocess\s*[.[]/],
  ['console', /\bconsole\s*\./],
  ['fetch', /\bfetch\s*\(/],
  ['await', /\bawait\b/],
  ['async', /\basync\b(?!\s*[:,;=?)}])/],
];

/** Every breach of the rules above, one sentence each. Test files are not held to them. */
export function checkArchitecture(sources: Sources): string[] {
  const scanned = new Map<string, ScannedSource>();
  for (const [path, text] of sources) if (!path.endsWith('.test.ts')) scanned.set(path, scanSource(text));
  const problems: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [path, source] of scanned) {
    const found = importsOf(source);
    const imports = found.map(({ name }) => name);
    const loaded = found.filter(({ name, typeOnly }) => name.startsWith('.') && !typeOnly);
    graph.set(
      path,
      loaded.map(({ name }) => resolve(path, name)),
    );
    problems.push(...imports.flatMap((name) => problemOfImport(path, name)));
    problems.push(...problemsOfExports(path, source.code), ...problemsOfPurity(path, source.code, imports));
  }
  return [...problems, ...cyclesIn(graph)];
}

function resolve(path: string, name: string): string {
  return posix.normalize(posix.join(posix.dirname(path), name));
}

/** The row entry of LAYERS that a file belongs to. */
function areaOf(path: string): string {
  const [first = '', second, third] = path.split('/');
  return first === 'kafka' && third !== undefined ? `${first}/${second}` : first;
}

function problemOfImport(path: string, name: string): string[] {
  const from = areaOf(path);
  if (!name.startsWith('.')) {
    const [kept, home] =
      [...KEPT_PACKAGES].find(([kept]) => name === kept || name.startsWith(`${kept}/`)) ?? [];
    return kept === undefined || from === home ? [] : [`${path} imports ${kept}, which only ${home}/ may`];
  }
  const target = resolve(path, name);
  const to = areaOf(target);
  if (target.startsWith('..')) return [`${path} imports ${name}, outside of src/`];
  const fromRow = rowOf(from);
  const toRow = rowOf(to);
  if (fromRow < 0) return [`${path} is in a folder that no layer has: ${from}`];
  if (toRow < 0) return [`${path} imports ${to}, a folder that no layer has`];
  if (from === to) return [];
  if (ADAPTERS.includes(to) && !MAY_IMPORT_ADAPTERS.includes(from)) {
    return [`${path} imports ${target}: only ${MAY_IMPORT_ADAPTERS.join('/ and ')}/ may import an adapter`];
  }
  const isNeighbour = NEIGHBOURS.some(([one, other]) => one === from && other === to);
  return toRow < fromRow || isNeighbour
    ? []
    : [`${path} imports ${target}: imports point down, and ${to} is not below ${from}`];
}

function rowOf(area: string): number {
  return LAYERS.findIndex((row) => row.some((name) => name === area));
}

function problemsOfExports(path: string, code: string): string[] {
  const problems: string[] = [];
  if (/\bexport\s+default\b/.test(code) || /\bexport\s*\{[^}]*\bas\s+default\b/.test(code)) {
    problems.push(`${path} has a default export`);
  }
  if (/\bexport\s*(?:type\s*)?\*/.test(code)) problems.push(`${path} has an \`export *\``);
  return problems;
}

function problemsOfPurity(path: string, code: string, imports: readonly string[]): string[] {
  if (!PURE_FOLDERS.some((folder) => path.startsWith(folder))) return [];
  const modules = imports.filter((name) => !name.startsWith('.'));
  const used = IMPURE.filter(([, pattern]) => pattern.test(code)).map(([what]) => what);
  return [...modules, ...used].map((what) => `${path} must be pure and uses ${what}`);
}

/** One sentence for each import that closes a circle, among the imports that are left when the program runs. */
function cyclesIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const problems: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) problems.push(`import cycle: ${[...trail.slice(start), path].join(' -> ')}`);
    if (start >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return problems;
}
