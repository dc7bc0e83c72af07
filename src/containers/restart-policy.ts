// `--restart`: what dockerd does when the container ends. Kept for it; nothing is started from here.
// Source: docker/cli opts.ParseRestartPolicy, moby daemon validateRestartPolicy.

import { wrongOption } from './wrong-option.ts'

export interface RestartPolicy {
  /** `no`, `always`, `unless-stopped`, `on-failure`, or '' where none was said. */
  readonly name: string
  readonly retries: number
}

export const NO_RESTART: RestartPolicy = { name: 'no', retries: 0 }

/** @throws InvalidArgumentError ERR_OPTION in docker's words */
export function parseRestartPolicy(text: string): RestartPolicy {
  const refuse = (reason: string): Error => wrongOption('restart', text, reason)
  const colon = text.indexOf(':')
  const name = colon < 0 ? text : text.slice(0, colon)
  const count = colon < 0 ? '' : text.slice(colon + 1)
  if (colon === 0) throw refuse('invalid restart policy format: no policy provided before colon')
  if (!/^([+-]?\d{1,9})?$/.test(count))
    throw refuse('invalid restart policy format: maximum retry count must be an integer')
  const retries = Number(count)
  if (!['', 'no', 'always', 'unless-stopped', 'on-failure'].includes(name))
    throw refuse(`invalid restart policy '${name}'`)
  if (name !== 'on-failure' && retries !== 0)
    throw refuse(`maximum retry count cannot be used with restart policy '${name}'`)
  if (retries < 0) throw refuse('maximum retry count cannot be negative')
  return { name, retries }
}

export function isRestarted({ name }: RestartPolicy): boolean {
  return name !== '' && name !== 'no'
}
