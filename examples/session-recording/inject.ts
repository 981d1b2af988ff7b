import { type AppendToFile, appendDurably } from './storage.ts';

/** What can be done wrong to storage on purpose, so that the proof can be seen to fail. */
export const defects = ['missing', 'doubled', 'reordered'] as const;
export type Defect = (typeof defects)[number];

/** Where the defect strikes: the one chunk with this number of the one recording whose file name starts like this. */
export interface Target {
  readonly sessionId: string;
  readonly sequence: number;
}

/**
 * Appends like {@link appendDurably}, but spoils one chunk: never writes it, writes it twice, or writes it only after
 * the next one. It sits below the store's check for repeated tasks, as a faulty disk or a bug in the store would.
 */
export function spoiledAppend(defect: Defect, target: Target): AppendToFile {
  let heldBack: string | undefined;
  return async (path, text) => {
    if (!path.endsWith(`${target.sessionId}.ndjson`)) return appendDurably(path, text);
    const struck = text.includes(`"kind":"chunk","id":"${target.sessionId}-${target.sequence}"`);
    if (!struck) {
      const late = heldBack ?? '';
      heldBack = undefined;
      return appendDurably(path, text + late);
    }
    if (defect === 'missing') return undefined;
    if (defect === 'doubled') return appendDurably(path, text + text);
    heldBack = text;
    return undefined;
  };
}
