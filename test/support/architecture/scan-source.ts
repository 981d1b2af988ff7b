/** A source text without what only looks like code. */
export interface ScannedSource {
  /** Comments and regular expressions are gone; a string is `"N"`, its text being `strings[N]`; `${}` code of templates is kept. */
  readonly code: string;
  readonly strings: readonly string[];
}

const AFTER_VALUE = /[\w$)\]"}]$/;
const WORDS_BEFORE_REGEX = /\b(?:return|typeof|case|in|of|do|else|void|delete|throw|await|yield)$/;

/** Reads TypeScript just far enough to tell code from comments, strings, templates and regular expressions. */
export function scanSource(text: string): ScannedSource {
  const strings: string[] = [];
  /** For each open template: how many braces are open in its `${}`. */
  const templates: number[] = [];
  let code = '';
  let at = 0;

  const takeTemplate = (): void => {
    const start = at;
    while (at < text.length && text[at] !== '`' && !text.startsWith('${', at))
      at += text[at] === '\\' ? 2 : 1;
    strings.push(text.slice(start, at));
    code += ` "${strings.length - 1}" `;
    if (text[at] === '`') at += 1;
    else {
      templates.push(0);
      code += '+(';
      at += 2;
    }
  };

  while (at < text.length) {
    const char = text[at] ?? '';
    const depth = templates.at(-1);
    if (text.startsWith('//', at)) at = endOf(text, '\n', at);
    else if (text.startsWith('/*', at)) {
      at = endOf(text, '*/', at) + 2;
      code += ' ';
    } else if (char === '"' || char === "'") {
      const end = endOfQuoted(text, char, at + 1);
      strings.push(text.slice(at + 1, end));
      code += `"${strings.length - 1}"`;
      at = end + 1;
    } else if (char === '`') {
      at += 1;
      takeTemplate();
    } else if (char === '/' && startsRegex(code)) {
      at = endOfRegex(text, at + 1);
      code += '0';
    } else if (char === '}' && depth === 0) {
      templates.pop();
      code += ')+';
      at += 1;
      takeTemplate();
    } else {
      if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1;
      if (depth !== undefined && char === '}') templates[templates.length - 1] = depth - 1;
      code += char;
      at += 1;
    }
  }
  return { code, strings };
}

function endOf(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from);
  return found < 0 ? text.length : found;
}

function endOfQuoted(text: string, quote: string, from: number): number {
  let at = from;
  while (at < text.length && text[at] !== quote) at += text[at] === '\\' ? 2 : 1;
  return at;
}

/** A slash divides after a value, and begins a regular expression elsewhere. */
function startsRegex(code: string): boolean {
  const before = code.trimEnd();
  return !AFTER_VALUE.test(before) || WORDS_BEFORE_REGEX.test(before);
}

function endOfRegex(text: string, from: number): number {
  let inClass = false;
  let at = from;
  for (; at < text.length && (inClass || text[at] !== '/') && text[at] !== '\n'; at++) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '[') inClass = true;
    else if (text[at] === ']') inClass = false;
  }
  return at + 1;
}

export interface Import {
  readonly name: string;
  /** `import type` and `export type`: nothing of it is left when the program runs. */
  readonly typeOnly: boolean;
}

/** Every module that the source imports or re-exports, statically or by `import()`. */
export function importsOf(source: ScannedSource): Import[] {
  const patterns = [
    /\b(?:import|export)\s+(?<type>type\s(?!from\b))?[^;"()]*?\bfrom\s*"(?<string>\d+)"/g,
    /\bimport\s*"(?<string>\d+)"/g,
    /\b(?:import|require)\s*\(\s*"(?<string>\d+)"/g,
  ];
  return patterns.flatMap((pattern) =>
    [...source.code.matchAll(pattern)].map(({ groups }) => ({
      name: source.strings[Number(groups?.['string'])] ?? '',
      typeOnly: groups?.['type'] !== undefined,
    })),
  );
}
