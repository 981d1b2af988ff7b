/** The known name that a mistyped one most likely means: at most two letters off (one in a short name), case not counted. */
export function nearName(given: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = given.length <= 4 ? 2 : 3;
  for (const name of known) {
    const distance = editDistance(name.toLowerCase(), given.toLowerCase());
    if (distance < bestDistance) {
      best = name;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
