// What may stand between % and a verb of Printf: flags, width, precision; and padding by them.

export interface Flags {
  plus: boolean
  /** %+v: fields with their names. */
  plusV: boolean
  minus: boolean
  sharp: boolean
  /** %#v: as Go source. */
  sharpV: boolean
  space: boolean
  zero: boolean
  width: number | undefined
  precision: number | undefined
}

export function plainFlags(): Flags {
  return {
    plus: false,
    plusV: false,
    minus: false,
    sharp: false,
    sharpV: false,
    space: false,
    zero: false,
    width: undefined,
    precision: undefined,
  }
}

/** To the width, counted in characters; %-5s to the left, %05s with zeros. */
export function pad(text: string, flags: Flags): string {
  const missing = (flags.width ?? 0) - Array.from(text).length
  if (missing <= 0) return text
  if (flags.minus) return text + ' '.repeat(missing)
  return (flags.zero ? '0' : ' ').repeat(missing) + text
}
