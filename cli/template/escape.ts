// The escaping functions of Go templates: html, js, urlquery, character for character as Go has them.

import { isPrint } from './go-quote.ts'

const HTML: Readonly<Record<string, string>> = {
  '"': '&#34;',
  "'": '&#39;',
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\u0000': '\ufffd',
}

export function escapeHTML(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/["'&<>\u0000]/g, (char) => HTML[char]!)
}

const JS: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '"': '\\"',
  '<': '\\u003C',
  '>': '\\u003E',
  '&': '\\u0026',
  '=': '\\u003D',
}

export function escapeJS(text: string): string {
  let out = ''
  for (const char of text) {
    const code = char.codePointAt(0)!
    const printed = code < 0x80 ? code >= 0x20 : isPrint(char)
    out += JS[char] ?? (printed ? char : `\\u${code.toString(16).toUpperCase().padStart(4, '0')}`)
  }
  return out
}

/** Unlike encodeURIComponent, a space is `+` and `!'()*` are escaped. */
export function escapeQuery(text: string): string {
  let out = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    const char = String.fromCharCode(byte)
    if (/^[A-Za-z0-9\-_.~]$/.test(char)) out += char
    else if (char === ' ') out += '+'
    else out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return out
}
