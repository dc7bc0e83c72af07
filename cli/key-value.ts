// KEY=VALUE options that may be repeated: `--label`, `--opt`. One without `=` has an empty value, the last of a key counts,
// as in docker.

import { InvalidArgumentError } from 'commander'

export type KeyValues = Readonly<Record<string, string>>

export function collectPair(text: string, earlier: KeyValues = {}): KeyValues {
  const { key, value } = split(text)
  return { ...earlier, [key]: value }
}

/** docker's ValidateLabel: blanks before the name are let through, and kept. */
export function collectLabel(text: string, earlier: KeyValues = {}): KeyValues {
  const name = split(text).key.replace(/^[ \t]+/, '')
  if (name === '') throw new InvalidArgumentError(`invalid label '${text}': empty name`)
  if (/[ \t]/.test(name)) throw new InvalidArgumentError(`label '${name}' contains whitespaces`)
  return collectPair(text, earlier)
}

function split(text: string): { readonly key: string; readonly value: string } {
  const equals = text.indexOf('=')
  return equals < 0
    ? { key: text, value: '' }
    : { key: text.slice(0, equals), value: text.slice(equals + 1) }
}
