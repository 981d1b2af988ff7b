import type { Verdict } from './proof.ts';
import type { ProofRun } from './prove.ts';

const columns: readonly {
  readonly title: string;
  readonly right: boolean;
  cell(verdict: Verdict): string;
}[] = [
  { title: 'recording', right: false, cell: (v) => v.name },
  { title: 'chunks', right: true, cell: (v) => `${v.chunksStored}/${v.chunksSent}` },
  { title: 'events', right: true, cell: (v) => `${v.eventsStored}/${v.eventsSent}` },
  { title: 'hash stored', right: false, cell: (v) => `${v.hashStored.slice(0, 8)} ${sign(v)} sent` },
  { title: 'failures', right: true, cell: (v) => String(v.failures) },
  { title: 're-runs', right: true, cell: (v) => String(v.reRuns) },
  { title: 'complete', right: false, cell: (v) => (v.missing.length === 0 && v.finished ? 'yes' : 'NO') },
  { title: 'stored once', right: false, cell: (v) => (v.doubled.length === 0 ? 'yes' : 'NO') },
  { title: 'in order', right: false, cell: (v) => (v.inOrder ? 'yes' : 'NO') },
];

const sign = (verdict: Verdict) => (verdict.hashStored === verdict.hashSent ? '=' : '≠');

/** The verdicts as a table for a terminal. */
export function proofTable(verdicts: readonly Verdict[]): string {
  const rows = [
    columns.map((column) => column.title),
    ...verdicts.map((v) => columns.map((column) => column.cell(v))),
  ];
  const widths = columns.map((_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const lines = rows.map((row) =>
    row
      .map((cell, at) =>
        columns[at]?.right === true ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => '─'.repeat(width)).join('  '));
  return lines.join('\n');
}

/** What is wrong, one line each; nothing when all is well. A run that put nothing to the test proves nothing. */
export function complaints({ verdicts, stalled, shares }: ProofRun): readonly string[] {
  const found = verdicts.flatMap((verdict) => defectsOf(verdict).map((text) => `${verdict.name}: ${text}`));
  if (stalled) found.push('the worker stood still with tasks left to do');
  if (verdicts.length === 0) found.push('there are no captures');
  if (total(verdicts, (v) => v.failures) === 0) found.push('no run failed: take another --seed');
  if (shares.size < 2) found.push('the worker was not replaced while there was work');
  return found;
}

function defectsOf(verdict: Verdict): readonly string[] {
  const found: string[] = [];
  if (verdict.missing.length > 0) found.push(`missing in storage: chunk ${verdict.missing.join(', ')}`);
  if (verdict.doubled.length > 0) found.push(`stored more than once: chunk ${verdict.doubled.join(', ')}`);
  if (!verdict.inOrder) found.push('not in order');
  if (!verdict.finished) found.push('its end is not the last thing stored');
  if (verdict.hashSent !== verdict.hashStored && found.length === 0)
    found.push('other events than were sent');
  return found;
}

/** The whole run in a few sentences. */
export function summary({ verdicts, shares }: ProofRun): string {
  const count = (of: (verdict: Verdict) => number) => total(verdicts, of);
  const runs = [...shares].map(([worker, share]) => `${worker} had ${share} runs`).join(', ');
  return [
    `${count((v) => v.chunksSent)} chunks with ${count((v) => v.eventsSent)} events came in over HTTP.`,
    `The worker was replaced in the middle: ${runs}.`,
    `${count((v) => v.failures)} runs failed on purpose, ${count((v) => v.reRuns)} were run again; ` +
      `${count((v) => v.repeatsRefused)} of those found their chunk stored and left it at that.`,
  ].join('\n');
}

function total(verdicts: readonly Verdict[], of: (verdict: Verdict) => number): number {
  return verdicts.reduce((sum, verdict) => sum + of(verdict), 0);
}
