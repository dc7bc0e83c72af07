// A UnionFs over plain directories of the host, opened and closed as one. What the layers mean is src/view's to know.

import { InvalidArgumentError } from '../errors.ts'
import { systemNow } from '../sys/clock.ts'
import { inUserNamespace } from '../sys/probe.ts'
import { MemoryUpper } from '../union/memory-upper.ts'
import type { UpperLayer } from '../union/upper-layer.ts'
import type { DiskForm } from '../view/disk-form.ts'
import { LayerStack } from '../view/stack.ts'
import { DirectoryUpper } from '../view/upper/directory-upper.ts'
import { DiskLayer } from '../view/upper/disk-layer.ts'
import type { UnionCallsOptions } from './calls.ts'
import { UnionFs } from './union-fs.ts'

export interface OpenUnionOptions extends UnionCallsOptions {
  /** Nearest first, as overlay's lowerdir. Never changed. */
  readonly lowers: readonly string[]
  /**
   * Where changes go: `memory`, gone with the union; or a directory with an empty one beside it on the same file system,
   * as overlay's upperdir and workdir. Absent: every change is EROFS.
   */
  readonly upper?: 'memory' | { readonly directory: string; readonly work: string }
  /** How removals, owners and opaque directories are written in all of them; default: as overlay mounts read them. */
  readonly form?: DiskForm
}

/**
 * The caller closes it.
 * @throws InvalidArgumentError ERR_OPTION; HostError where a directory cannot be opened, ConflictError ERR_MOUNT_EXISTS where `upper` is in use
 * @example
 * await using union = openUnion({ lowers: ['/srv/new', '/srv/old'], upper: 'memory' })
 * await union.writeFile('/etc/motd', 'hello')
 */
export function openUnion(options: OpenUnionOptions): UnionFs {
  checkOptions(options)
  const { lowers, upper, form = usualForm(), ...rest } = options
  const stack = new LayerStack(lowers, { form })
  let changes: UpperLayer | undefined
  try {
    if (upper === 'memory') changes = new MemoryUpper(systemNow)
    else if (upper) changes = new DirectoryUpper(upper.directory, { form, work: upper.work })
    return new UnionFs(
      { lowers: stack.layers.map((layer) => new DiskLayer(layer)), upper: changes },
      { ...rest, ...spaceOf(options), onClose: () => stack[Symbol.dispose]() },
    )
  } catch (error) {
    changes?.close()
    stack[Symbol.dispose]()
    throw error
  }
}

/** For callers without types: `upper: '/dir'` beside `work`, as mount(8) has it, is what they try first. */
function checkOptions(options: OpenUnionOptions): void {
  const { lowers, upper } = (options ?? {}) as { lowers?: unknown; upper?: unknown }
  const isText = (value: unknown): boolean => typeof value === 'string'
  if (!Array.isArray(lowers) || lowers.length === 0 || !lowers.every(isText))
    throw wrong('lowers', 'a list of one or more directories')
  if (upper === undefined || upper === 'memory') return
  const { directory, work } = (upper ?? {}) as { directory?: unknown; work?: unknown }
  if (!isText(directory) || !isText(work))
    throw wrong('upper', "'memory', or { directory, work } with two directories")
}

function wrong(option: string, expected: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'ERR_OPTION',
    `cannot open the union: ${option} is not ${expected}`,
    {
      details: { option },
    },
  )
}

/** Changes take room where the upper layer is; without one, the topmost lower one tells (ovl_path_real). */
function spaceOf({ upper, lowers }: OpenUnionOptions): { space?: string } {
  const space = upper === 'memory' ? undefined : (upper?.directory ?? lowers[0])
  return space === undefined ? {} : { space }
}

/** Root's marks are trusted.*, which nobody else may set; everybody else's are read with userxattr. */
function usualForm(): DiskForm {
  return process.geteuid?.() === 0 && !inUserNamespace() ? 'trusted' : 'plain'
}
