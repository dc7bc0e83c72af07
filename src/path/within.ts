// Which of two absolute paths of the host lies in the other, by their text: both must be real paths already.

/** Also where they are the same. */
export function isWithin(inner: string, outer: string): boolean {
  return `${inner}/`.startsWith(outer === '/' ? '/' : `${outer}/`)
}
