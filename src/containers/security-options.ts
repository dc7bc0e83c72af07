// `--security-opt`: what confines a container besides its capabilities, as hostconfig.json lists it and as config.v2.json
// says what it comes to. Source: docker/cli container/opts.go parseSecurityOpts, parseSystemPaths; moby
// daemon/daemon_unix.go parseSecurityOpt, daemon/create.go generateSecurityOpt.

import fs from 'node:fs'
import { parseTruth } from './go-boolean.ts'
import { wrongOption } from './wrong-option.ts'

export interface SecuritySettings {
  /** As hostconfig.json lists them; undefined where nothing was asked and nothing is added. */
  readonly options: readonly string[] | undefined
  /** Nothing is masked, and nothing read-only, of what else is. */
  readonly showsSystemPaths: boolean
  readonly noNewPrivileges: boolean
  /** '' for docker's own. */
  readonly appArmorProfile: string
  /** JSON, `unconfined`, or '' for docker's own. */
  readonly seccompProfile: string
}

const SYSTEM_PATHS = 'systempaths=unconfined'
const LABEL = /^(disable|(user|role|type|level|filetype):.+)$/

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function settleSecurity(texts: readonly string[], privileged: boolean): SecuritySettings {
  const given = texts.filter((text) => text !== SYSTEM_PATHS).map(readOption)
  const listed = given.map(({ text }) => text)
  // A label of SELinux would take back what privileged gives; docker looks for `label=`, and not for `label:`.
  if (privileged && !listed.some((text) => text.startsWith('label='))) listed.push('label=disable')
  const last = (kind: string): string =>
    given.findLast((option) => option.kind === kind)?.value ?? ''
  return {
    options: texts.length === 0 && listed.length === 0 ? undefined : listed,
    showsSystemPaths: texts.includes(SYSTEM_PATHS),
    noNewPrivileges: parseTruth(last('no-new-privileges')) ?? false,
    appArmorProfile: last('apparmor'),
    seccompProfile: last('seccomp'),
  }
}

interface SecurityOption {
  readonly kind: string
  readonly value: string
  /** As it is written down. */
  readonly text: string
}

function readOption(text: string): SecurityOption {
  const refuse = (reason: string): Error => wrongOption('security-opt', text, reason)
  const { kind, value } = splitOption(text) ?? {}
  if (kind === undefined || value === undefined)
    throw refuse(`Invalid --security-opt: ${JSON.stringify(text)}`)
  switch (kind) {
    case 'no-new-privileges':
      if (parseTruth(value) === undefined) break
      return { kind, value, text }
    case 'apparmor':
      return { kind, value, text }
    case 'seccomp': {
      if (value === 'unconfined') return { kind, value, text }
      const profile = readProfile(value, refuse)
      return { kind, value: profile, text: `seccomp=${profile}` }
    }
    case 'label':
      if (LABEL.test(value)) return { kind, value, text }
      throw refuse(
        `Bad label option ${JSON.stringify(value)}, valid options 'disable' or 'user, role, level, type, filetype' followed by ':' and a value`,
      )
  }
  throw refuse(
    `invalid --security-opt: ${JSON.stringify(text)}; expected no-new-privileges[=true|false], apparmor=PROFILE, seccomp=unconfined|FILE, label=..., or ${SYSTEM_PATHS}`,
  )
}

/** By `=`, or else by `:`, as docker had it first. */
export function splitOption(text: string): { kind: string; value: string } | undefined {
  if (text === 'no-new-privileges') return { kind: text, value: 'true' }
  const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':')
  return at < 0 ? undefined : { kind: text.slice(0, at), value: text.slice(at + 1) }
}

/** The documents have the profile itself: the file may be gone when the container starts. */
function readProfile(file: string, refuse: (reason: string) => Error): string {
  let text: string
  try {
    text = fs.readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? `open ${file}: no such file or directory` : message
    throw refuse(`opening seccomp profile (${file}) failed: ${why}`)
  }
  try {
    JSON.parse(text)
  } catch (error) {
    throw refuse(
      `compacting json for seccomp profile (${file}) failed: ${(error as Error).message}`,
    )
  }
  return text.replaceAll(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}
