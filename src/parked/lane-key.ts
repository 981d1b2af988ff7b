/** A key as the journal has it: its bytes as latin1 text. */
export function laneKeyOf(key: string): string {
  return Buffer.from(key).toString('latin1');
}

/** A key as users write it. Bytes that are no UTF-8 are shown as replacement characters. */
export function keyOf(laneKey: string): string {
  return Buffer.from(laneKey, 'latin1').toString();
}
