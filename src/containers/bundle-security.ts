// What `--security-opt` of a container comes to in its bundle, out of SecurityOpt of hostconfig.json. A container that
// was to be confined by what config.json does not say is not run with less.

import { UnsupportedError } from '../errors.ts'
import type { JsonObject } from '../image/json.ts'
import { textsAt } from './document-fields.ts'
import { splitOption } from './security-options.ts'
import { parseTruth } from './go-boolean.ts'

export interface BundleSecurity {
  readonly noNewPrivileges: boolean
  /** '' where it is the runtime's to choose. */
  readonly appArmorProfile: string
}

/** Of two options on one matter the last counts. */
export function bundleSecurity(hostConfig: JsonObject): BundleSecurity {
  const options = optionsOf(hostConfig)
  const last = (kind: string): string =>
    options.findLast((option) => option.kind === kind)?.value ?? ''
  const profile = last('apparmor')
  return {
    noNewPrivileges: parseTruth(last('no-new-privileges')) ?? false,
    // A host without AppArmor refuses the very word, and nothing else confines a bundle.
    appArmorProfile: profile === 'unconfined' ? '' : profile,
  }
}

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export function refuseUnsayable(hostConfig: JsonObject, owner: string): void {
  const refuse = (option: string, why: string): Error =>
    new UnsupportedError(
      'ERR_HOST_UNSUPPORTED',
      `cannot make a bundle of ${owner}: it was created with --security-opt ${option}, and ${why}; create the container without it, and add to config.json what is to hold instead`,
      { details: { container: owner, option } },
    )
  const options = optionsOf(hostConfig)
  const seccomp = options.findLast(({ kind }) => kind === 'seccomp')?.value ?? ''
  // Later dockers name their own by `builtin`.
  if (!['', 'unconfined', 'builtin'].includes(seccomp))
    throw refuse('seccomp=FILE', "docker's form of a profile is not config.json's")
  const label = options.find(({ kind, value }) => kind === 'label' && value !== 'disable')
  if (label)
    throw refuse(`label=${label.value}`, 'the rest of the label is the host policy of a dockerd')
}

function optionsOf(hostConfig: JsonObject): { kind: string; value: string }[] {
  return textsAt(hostConfig, 'SecurityOpt').flatMap((each) => splitOption(each) ?? [])
}
