// The lines of a Dockerfile: joined at a backslash, comments left out, each cut into instruction, flags and the rest.
// Knows no instruction's meaning. Source: buildkit dockerfile/parser.

import { DockerfileSyntaxError } from './dockerfile-words.ts'

/** One line, as the parser hands it to an instruction. */
export interface Instruction {
  readonly name: string
  /** `--name=value` at the start of the arguments. */
  readonly flags: readonly string[]
  readonly rest: string
  readonly line: string
}

export function fail(reason: string): never {
  throw new DockerfileSyntaxError(reason)
}

/** Changes are the lines of one Dockerfile: each may hold several, be a comment, or go on after a backslash. */
export function parseInstructions(changes: readonly string[]): Instruction[] {
  const instructions: Instruction[] = []
  let open = ''
  for (const raw of changes.join('\n').split('\n')) {
    const line = open === '' ? raw.trimStart() : raw
    if (raw.trimStart().startsWith('#') || (open === '' && line.trim() === '')) continue
    const continued = /\\[ \t]*$/.exec(line)
    if (continued) {
      open += line.slice(0, continued.index)
      continue
    }
    instructions.push(parseLine(open + line))
    open = ''
  }
  if (open.trim() !== '') instructions.push(parseLine(open))
  return instructions
}

function parseLine(line: string): Instruction {
  const trimmed = line.trim()
  const space = /[\t\v\f\r ]+/.exec(trimmed)
  const name = space === null ? trimmed : trimmed.slice(0, space.index)
  let rest = space === null ? '' : trimmed.slice(space.index + space[0].length).trim()
  const flags: string[] = []
  while (rest.startsWith('--')) {
    const word = /^(?:\\.|"(?:\\.|[^"\\])*"?|'[^']*'?|[^\s"'\\]|\\$)+/s.exec(rest)![0]
    rest = rest.slice(word.length).trimStart()
    if (word === '--') break
    flags.push(word.replace(/\\(.)|["']/gs, '$1'))
  }
  return { name: name.toUpperCase(), flags, rest, line: trimmed }
}

/** The JSON form, `["a", "b"]`; undefined where the text is not meant as one. */
export function jsonArguments(rest: string): readonly string[] | undefined {
  if (!rest.startsWith('[')) return undefined
  let value: unknown
  try {
    value = JSON.parse(rest)
  } catch {
    return undefined
  }
  const list = value as readonly unknown[]
  if (list.every((item): item is string => typeof item === 'string')) return list
  return fail('when using JSON array syntax, arrays must be comprised of strings only')
}
