/** The properties, by their names in the reliability notes, and what breaks them. */
export type Property =
  | 'P1 lost'
  | 'P2 unseen'
  | 'P3 phantom'
  | 'P4 order'
  | 'P5 overlap'
  | 'P6 commit'
  | 'P7 epoch'
  | 'P8 re-run'
  | 'P9 payload'
  | 'P10 progress'
  | 'P11 process'
  | 'P12 crash loop'
  | 'ack'
  | 'log';

export interface Violation {
  readonly property: Property;
  /** What was seen, with ids and offsets. */
  readonly text: string;
}

/** How a place in a log is written in a violation. */
export function at(position: { readonly partition: number; readonly offset: number }): string {
  return `${position.partition}/${position.offset}`;
}
