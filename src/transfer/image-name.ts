// Which name an image of an OCI layout gets: layouts have annotations for it, and tools fill them differently.
//
// `io.containerd.image.name` is a whole name and wins (docker, buildkit, containerd and podman write or read it so).
// `org.opencontainers.image.ref.name` is what the user said to the tool: `app`, `app:1`, `example.com/app:1`, or a tag
// alone. It is taken for a name, as podman takes it; `app` becomes `app:latest`. But `latest`, `1.0` and `v2` are tags
// for nothing: an image called `latest:latest` would help nobody, so such an image stays without a name, with a warning.

import { InvalidArgumentError, type Warning } from '../errors.ts'
import {
  familiarName,
  familiarString,
  parseReference,
  withDefaultTag,
  type Reference,
} from '../reference/reference.ts'

export const CONTAINERD_NAME = 'io.containerd.image.name'
export const REF_NAME = 'org.opencontainers.image.ref.name'

const TAG_ALONE = /^(latest|v?[0-9][\w.+-]*)$/

export function annotatedName(
  annotations: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const name = annotations?.[CONTAINERD_NAME] || annotations?.[REF_NAME]
  return name || undefined
}

/** @returns the name to give, in familiar form with a tag, or a warning that says why there is none */
export function nameOfAnnotation(name: string): { reference: string } | { warning: Warning } {
  if (TAG_ALONE.test(name)) {
    return warning(name, 'is a tag without a name')
  }
  let reference: Reference
  try {
    reference = parseReference(name)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    return warning(name, 'is no image name')
  }
  if (familiarName(reference) === 'sha256') return warning(name, 'would read as an image ID')
  const { digest: _, ...withoutDigest } = reference
  return { reference: familiarString(withDefaultTag(withoutDigest)) }
}

function warning(name: string, why: string): { warning: Warning } {
  const shown = JSON.stringify(name.slice(0, 200))
  return {
    warning: {
      code: 'image-name-skipped',
      message: `the archive calls an image ${shown}, which ${why}; it is loaded by its ID alone, give it a name with tag`,
      entry: name.slice(0, 200),
      count: 1,
    },
  }
}
