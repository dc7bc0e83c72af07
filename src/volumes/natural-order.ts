// Names with numbers in them as people count: data2 before data10. docker lists volumes so, by the package sortorder of
// github.com/fvbommel; the rules are the same here, so that the two listings are.

/** A number or one other character. */
const PIECES = /[0-9]+|[^0-9]/g

/** Numbers before all else. For ASCII, which names of volumes are. */
export function compareNatural(a: string, b: string): number {
  const [left, right] = [a.match(PIECES) ?? [], b.match(PIECES) ?? []]
  const at = left.findIndex((piece, index) => piece !== right[index])
  if (at < 0) return left.length - right.length
  const [x, y] = [left[at]!, right[at]]
  if (y === undefined) return 1
  if (isNumber(x) !== isNumber(y)) return isNumber(x) ? -1 : 1
  return isNumber(x) ? compareNumbers(x, y) : compareCodes(x, y)
}

function isNumber(piece: string): boolean {
  return /^[0-9]/.test(piece)
}

/** Of any length; of equal ones that with fewer zeros in front is first. */
function compareNumbers(a: string, b: string): number {
  const [x, y] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')]
  return x.length - y.length || compareCodes(x, y) || a.length - b.length
}

function compareCodes(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
