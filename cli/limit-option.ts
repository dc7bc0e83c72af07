// --limit, of the verbs that take archives from strangers: which bounds there are, and the form in which one is given.
// The names are written out so that --help loads no library; a test holds them against the library's.

import { Option } from 'commander'
import { collect } from './verb.ts'

export const LIMIT_NAMES: readonly string[] = [
  'total-bytes',
  'layer-bytes',
  'expansion',
  'expansion-from',
  'entries',
  'path-bytes',
  'path-depth',
  'name-bytes',
  'pax-bytes',
  'xattr-bytes',
  'members',
  'layers',
  'archive-layers',
  'names',
  'json-bytes',
  'json-depth',
  'json-values',
  'json-total',
]

export function limitOption(): Option {
  return new Option(
    '--limit <name=value>',
    `bound on what an archive may do (repeatable): a number, with K, M, G or T, or unlimited, for ${LIMIT_NAMES.join(', ')}`,
  ).argParser(collect)
}
