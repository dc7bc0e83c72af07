// Amounts as docker's options give them: memory in bytes (docker/go-units RAMInBytes) and CPUs in billionths
// (docker/cli opts.ParseCPUs). Which amounts a container may have is not decided here.

const BYTES = /^((?:\d+(?:\.\d*)?|\.\d+)(?:e\d{1,2})?) ?(?:([kmgtp])(?:i?b)?|b)?$/i
const POWERS = 'kmgtp'
const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?$/i
const FRACTION = /^([+-]?\d{1,18})\/(\d{1,18})$/
const BILLION = 1_000_000_000n

/** `64m`, `1.5g`, `512`: whole bytes, fractions of one dropped; undefined for what is no amount. */
export function parseBytes(text: string): number | undefined {
  const [, amount, unit] = BYTES.exec(text) ?? []
  if (amount === undefined) return undefined
  const power = unit === undefined ? 0 : POWERS.indexOf(unit.toLowerCase()) + 1
  const bytes = Math.floor(Number(amount) * 1024 ** power)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

/** `1.5`, `.5`, `1e-1`, `1/2`: billionths of a CPU, or why there are none. */
export function parseCPUs(text: string): bigint | string {
  const ratio = fraction(text) ?? decimal(text)
  if (ratio === undefined) return `failed to parse ${text} as a rational number`
  const [numerator, denominator] = ratio
  const billionths = numerator * BILLION
  return billionths % denominator === 0n ? billionths / denominator : 'value is too precise'
}

type Ratio = readonly [numerator: bigint, denominator: bigint]

function fraction(text: string): Ratio | undefined {
  const [, above, below] = FRACTION.exec(text) ?? []
  if (above === undefined || below === undefined || /^0+$/.test(below)) return undefined
  return [BigInt(above), BigInt(below)]
}

function decimal(text: string): Ratio | undefined {
  const [, sign, whole, part = '', exponent = '0'] = DECIMAL.exec(text) ?? []
  if (whole === undefined || whole + part === '') return undefined
  const digits = BigInt(whole + part) * (sign === '-' ? -1n : 1n)
  const power = Number(exponent) - part.length
  return power < 0 ? [digits, 10n ** BigInt(-power)] : [digits * 10n ** BigInt(power), 1n]
}
