import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Instrumenter } from '@stryker-mutator/instrumenter';
import { ROOT } from '../processes.mjs';

const nothing = () => {};
const logger = {
  isDebugEnabled: () => false,
  debug: nothing,
  info: nothing,
  warn: (...words) => console.error(...words),
};

/**
 * The words of `throw new Error(...)` are not changed: the core throws a plain `Error` only where its own bookkeeping is
 * broken. Nothing reads these words but the person who repairs it, so a test of them would guard nothing.
 */
const wordsOfBrokenInvariants = {
  shouldIgnore(path) {
    if (!path.isStringLiteral() && !path.isTemplateLiteral()) return undefined;
    const made = path.parentPath;
    const isError = made.isNewExpression() && made.get('callee').isIdentifier({ name: 'Error' });
    return isError && made.parentPath.isThrowStatement() ? 'the words of a broken invariant' : undefined;
  },
};

/** Puts all mutants of these files into their text, each behind a switch. Paths are relative to the project. */
export async function instrument(paths) {
  const texts = new Map();
  for (const path of paths) texts.set(path, await readFile(join(ROOT, path), 'utf8'));
  const files = paths.map((path) => ({ name: path, content: texts.get(path), mutate: true }));
  const options = {
    plugins: null,
    excludedMutations: [],
    ignorers: [wordsOfBrokenInvariants],
    noHeader: true,
  };
  const result = await new Instrumenter(logger).instrument(files, options);
  return {
    sources: new Map(result.files.map(({ name, content }) => [join(ROOT, name), numbered(content)])),
    mutants: result.mutants.map((mutant) => ({
      id: Number(mutant.id),
      file: mutant.fileName,
      line: mutant.location.start.line + 1,
      column: mutant.location.start.column + 1,
      mutator: mutant.mutatorName,
      original: textAt(texts.get(mutant.fileName), mutant.location),
      replacement: mutant.replacement,
      ignored: mutant.status === 'Ignored',
    })),
  };
}

/** Numbers are quicker to compare than the strings that the instrumenter writes. */
function numbered(content) {
  return content.replaceAll(/(stryMutAct_9fa48|stryCov_9fa48)\(([^()]*)\)/g, (_, name, ids) => {
    return `${name}(${ids.replaceAll('"', '')})`;
  });
}

function textAt(text, { start, end }) {
  const lines = text.split('\n').slice(start.line, end.line + 1);
  lines[lines.length - 1] = lines[lines.length - 1].slice(0, end.column);
  lines[0] = lines[0].slice(start.column);
  return lines.join('\n');
}
