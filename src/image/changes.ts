// `--change`: Dockerfile instructions that edit the config of an image that is made here (import).
// Knows the instructions that docker lets a change have, parses them as the Dockerfile parser does, and returns a new
// config. Source: moby builder/dockerfile.BuildFromConfig; SHELL is taken beyond docker's list.

import { InvalidArgumentError } from '../errors.ts'
import type { ContainerConfig } from './container-config.ts'
import { exposedPorts } from './exposed-ports.ts'
import { fail, jsonArguments, parseInstructions } from './dockerfile-lines.ts'
import type { Instruction } from './dockerfile-lines.ts'
import {
  DockerfileSyntaxError,
  environment,
  expandWord,
  expandWords,
  splitWords,
} from './dockerfile-words.ts'
import { parseHealthcheck } from './healthcheck.ts'
import { isSignal } from './signal-names.ts'

interface State {
  readonly config: { -readonly [Key in keyof ContainerConfig]: ContainerConfig[Key] }
  /** Whether a CMD of these changes stands: an ENTRYPOINT resets one that came with the image. */
  cmdSet: boolean
}

type Apply = (state: State, instruction: Instruction) => void

const INSTRUCTIONS: ReadonlyMap<string, Apply> = new Map<string, Apply>([
  ['CMD', applyCmd],
  ['ENTRYPOINT', applyEntrypoint],
  ['ENV', applyEnv],
  ['EXPOSE', applyExpose],
  ['HEALTHCHECK', applyHealthcheck],
  ['LABEL', applyLabel],
  ['ONBUILD', applyOnbuild],
  ['SHELL', applyShell],
  ['STOPSIGNAL', applyStopSignal],
  ['USER', applyUser],
  ['VOLUME', applyVolume],
  ['WORKDIR', applyWorkdir],
])

const DEFAULT_SHELL = ['/bin/sh', '-c']

/** @throws InvalidArgumentError ERR_OPTION with the change and docker's reason */
export function applyChanges(config: ContainerConfig, changes: readonly string[]): ContainerConfig {
  const state: State = { config: { ...config }, cmdSet: false }
  const instructions = parseInstructions(changes)
  if (changes.length > 0 && instructions.length === 0) {
    throw new InvalidArgumentError('ERR_OPTION', 'cannot apply changes: they have no instructions')
  }
  for (const instruction of instructions) {
    try {
      const apply = INSTRUCTIONS.get(instruction.name)
      if (apply === undefined) fail(`${instruction.name} is not a valid change command`)
      if (instruction.flags.length > 0 && instruction.name !== 'HEALTHCHECK') {
        fail(`unknown flag: ${instruction.flags[0]!.replace(/=.*/s, '')}`)
      }
      apply(state, instruction)
    } catch (cause) {
      if (!(cause instanceof DockerfileSyntaxError)) throw cause
      const shown = JSON.stringify(instruction.line.slice(0, 300))
      throw new InvalidArgumentError(
        'ERR_OPTION',
        `cannot apply change ${shown}: ${cause.message}`,
        { cause, details: { option: 'change', value: instruction.line } },
      )
    }
  }
  return state.config
}

function required(instruction: Instruction, count: 'at least one' | 'exactly one'): string {
  if (instruction.rest === '') fail(`${instruction.name} requires ${count} argument`)
  return instruction.rest
}

function expandIn(state: State, word: string): string {
  return expandWord(word, environment(state.config.Env ?? []))
}

/** The exec form as it stands, the shell form behind the shell. */
function commandLine(state: State, rest: string): readonly string[] {
  return (
    jsonArguments(rest) ?? [
      ...(state.config.Shell ?? DEFAULT_SHELL),
      ...(rest === '' ? [] : [rest]),
    ]
  )
}

function applyCmd(state: State, { rest }: Instruction): void {
  state.config.Cmd = commandLine(state, rest)
  state.cmdSet ||= rest !== '' && jsonArguments(rest)?.length !== 0
}

function applyEntrypoint(state: State, { rest }: Instruction): void {
  if (rest === '' || jsonArguments(rest)?.length === 0) delete state.config.Entrypoint
  else state.config.Entrypoint = commandLine(state, rest)
  if (!state.cmdSet) delete state.config.Cmd
}

/** `K=V K2="V 2"`, or the old `K the rest`: the first word's `=` decides. Names and values are expanded. */
function pairs(state: State, instruction: Instruction): readonly (readonly [string, string])[] {
  const { name, rest } = instruction
  const words = splitWords(required(instruction, 'at least one'))
  // Of an escape alone nothing is left: docker's parser has no argument then.
  if (words.length === 0) fail(`${name} requires at least one argument`)
  let raw: (readonly [string, string])[]
  if (words[0]!.includes('=')) {
    raw = words.map((word) => {
      const at = word.indexOf('=')
      if (at < 0) {
        fail(
          `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
        )
      }
      return [word.slice(0, at), word.slice(at + 1)]
    })
  } else {
    const space = /[\t\v\f\r ]+/.exec(rest)
    if (space === null) fail(`${name} must have two arguments`)
    raw = [[rest.slice(0, space.index), rest.slice(space.index + space[0].length)]]
  }
  return raw.map(([key, value]) => {
    if (key === '') fail(`${name} names can not be blank`)
    return [expandIn(state, key), expandIn(state, value)]
  })
}

function applyEnv(state: State, instruction: Instruction): void {
  const env = [...(state.config.Env ?? [])]
  for (const [name, value] of pairs(state, instruction)) {
    const at = env.findIndex((entry) => entry.split('=', 1)[0] === name)
    if (at < 0) env.push(`${name}=${value}`)
    else env[at] = `${name}=${value}`
  }
  state.config.Env = env
}

function applyLabel(state: State, instruction: Instruction): void {
  const labels = Object.assign(
    Object.create(null) as Record<string, string>,
    state.config.Labels ?? {},
  )
  for (const [name, value] of pairs(state, instruction)) labels[name] = value
  state.config.Labels = labels
}

function applyExpose(state: State, instruction: Instruction): void {
  const env = environment(state.config.Env ?? [])
  const specs = required(instruction, 'at least one')
    .split(/\s+/)
    .flatMap((word) => expandWords(word, env))
  const ports = specs.flatMap(exposedPorts)
  state.config.ExposedPorts = [...new Set([...(state.config.ExposedPorts ?? []), ...ports])]
}

function applyHealthcheck(state: State, instruction: Instruction): void {
  required(instruction, 'at least one')
  state.config.Healthcheck = parseHealthcheck(instruction)
}

function applyOnbuild(state: State, instruction: Instruction): void {
  const trigger = required(instruction, 'at least one').split(/\s/, 1)[0]!.toUpperCase()
  if (trigger === 'ONBUILD') fail("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
  if (trigger === 'MAINTAINER' || trigger === 'FROM') {
    fail(`${trigger} isn't allowed as an ONBUILD trigger`)
  }
  const expression = instruction.line.replace(/^\s*ONBUILD\s*/i, '')
  state.config.OnBuild = [...(state.config.OnBuild ?? []), expression]
}

function applyShell(state: State, instruction: Instruction): void {
  const shell = jsonArguments(required(instruction, 'at least one'))
  if (shell === undefined) fail('SHELL requires the arguments to be in JSON form')
  if (shell.length === 0) fail('SHELL requires at least one argument')
  state.config.Shell = shell
}

function applyStopSignal(state: State, instruction: Instruction): void {
  const signal = expandIn(state, required(instruction, 'exactly one'))
  if (!isSignal(signal)) fail(`Invalid signal: ${signal}`)
  state.config.StopSignal = signal
}

function applyUser(state: State, instruction: Instruction): void {
  state.config.User = expandIn(state, required(instruction, 'exactly one'))
}

function applyVolume(state: State, instruction: Instruction): void {
  const { rest } = instruction
  const list = jsonArguments(required(instruction, 'at least one')) ?? rest.split(/\s+/)
  if (list.length === 0) fail('VOLUME requires at least one argument')
  const volumes = list.map((volume) => {
    const name = expandIn(state, volume.trim())
    return name === '' ? fail('VOLUME specified can not be an empty string') : name
  })
  state.config.Volumes = [...new Set([...(state.config.Volumes ?? []), ...volumes])]
}

/** An absolute directory is kept as written; a relative one is joined to the last and cleaned. */
function applyWorkdir(state: State, instruction: Instruction): void {
  const wanted = expandIn(state, required(instruction, 'exactly one'))
  if (wanted === '') fail('cannot normalize nothing')
  if (wanted.startsWith('/')) {
    state.config.WorkingDir = wanted
    return
  }
  const parts: string[] = []
  for (const part of `${state.config.WorkingDir ?? ''}/${wanted}`.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  state.config.WorkingDir = `/${parts.join('/')}`
}
