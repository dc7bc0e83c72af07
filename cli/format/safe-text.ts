// Text that comes out of an image, made harmless: names, labels and commands in it are an attacker's to choose, and a
// terminal obeys escape sequences wherever they come from. Applied to pipes too: what is piped today is shown tomorrow.
// Knows characters; not terminals.

/**
 * C0 and C1 controls, DEL, the line and paragraph separators, the bidirectional overrides and isolates that make text
 * read otherwise than it is (CVE-2021-42574), and lone surrogates.
 */
const UNSAFE =
  // oxlint-disable-next-line no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/gu

const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** On one line: every unsafe character as `\n`, `\x1b` or `\u202e`. Safe text is returned as it is. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, escaped)
}

/** The same, but newlines and tabs stay: for text that is laid out on purpose, such as a template's output. */
export function safeLines(text: string): string {
  return text.replace(UNSAFE, (char) => (char === '\n' || char === '\t' ? char : escaped(char)))
}

/** For JSON text: the raw characters that JSON allows in strings and a terminal obeys, as \uXXXX; still the same JSON. */
export function safeJSON(json: string): string {
  return json.replace(UNSAFE, (char) => {
    // Between tokens JSON has only these two, and in strings it has none of the C0 controls raw.
    if (char === '\n' || char === '\t') return char
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function escaped(char: string): string {
  const named = NAMED[char]
  if (named !== undefined) return named
  const code = char.charCodeAt(0)
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd'
  const hex = code.toString(16)
  return code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`
}
