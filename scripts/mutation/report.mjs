const COLUMNS = ['killed', 'timeout', 'survived', 'no coverage', 'ignored'];

/** A row for each file and one for all of them. */
export function tableOf(results) {
  const files = [...new Set(results.map(({ mutant }) => mutant.file))].sort((a, b) => a.localeCompare(b));
  const rows = files.map((file) =>
    rowOf(
      file,
      results.filter(({ mutant }) => mutant.file === file),
    ),
  );
  const lines = [['file', 'score', ...COLUMNS], ...rows, rowOf('all', results)];
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines
    .map((line) =>
      line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    )
    .join('\n');
}

function rowOf(name, results) {
  const counts = COLUMNS.map((status) => results.filter((result) => result.status === status).length);
  return [name, scoreOf(results).toFixed(1), ...counts.map(String)];
}

/** How many of a hundred mutants were noticed. */
export function scoreOf(results) {
  const judged = results.filter(({ status }) => status !== 'ignored');
  const noticed = judged.filter(({ status }) => status === 'killed' || status === 'timeout');
  return judged.length === 0 ? 100 : (100 * noticed.length) / judged.length;
}

/** Those that no test has noticed, in the order of the code. */
export function listOf(results) {
  return results
    .filter(({ status }) => status === 'survived' || status === 'no coverage')
    .sort(
      ({ mutant: a }, { mutant: b }) =>
        a.file.localeCompare(b.file) || a.line - b.line || a.column - b.column,
    )
    .map(({ mutant, status }) => {
      const { file, line, column, mutator, original, replacement } = mutant;
      return `${file}:${line}:${column}  ${status}, ${mutator}\n  - ${short(original)}\n  + ${short(replacement)}`;
    })
    .join('\n');
}

function short(text) {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length <= 160 ? line : `${line.slice(0, 157)}...`;
}
