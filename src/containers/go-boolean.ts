// What Go's strconv.ParseBool takes for true or false, as docker's options do.

const TRUTHS: ReadonlyMap<string, boolean> = new Map([
  ...['1', 't', 'T', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'F', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

/** Undefined where it is neither. */
export function parseTruth(text: string): boolean | undefined {
  return TRUTHS.get(text)
}
