// Where a lesson runs: a directory of its own, a shell in it, and for lessons on the union the best merge that this host
// gives this user: the kernel's mount in a mount namespace (root), in a user namespace (anybody whom the host lets),
// shale's own union behind FUSE, or the same in this process.
// Leaves nothing behind.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import type { LayerForm } from '../driver/driver.ts'
import { unmountFuse } from '../sys/fuse-device.ts'
import { listMounts } from '../sys/mount-table.ts'
import { probeForm } from '../sys/probe.ts'
import { ShellSession, type ShellAnswer } from '../sys/shell-session.ts'
import { UnionFs } from '../unionfs/union-fs.ts'
import { DirectoryLayer } from '../view/directory-layer.ts'
import { DirectoryUpper } from '../view/upper/directory-upper.ts'
import { DiskLayer } from '../view/upper/disk-layer.ts'
import type { Marks } from './lesson.ts'
import { namesMerged, runInUnion } from './union-commands.ts'

export type GroundKind = 'kernel' | 'namespace' | 'fuse' | 'union'
export const GROUND_KINDS: readonly GroundKind[] = ['kernel', 'namespace', 'fuse', 'union']

export interface GroundOptions {
  /** How `shale` is started: the program and its first arguments. */
  readonly shale: readonly string[]
  /** Default: the first that works. */
  readonly kind?: GroundKind
  readonly signal?: AbortSignal
}

/** Where mknod for a whiteout, mount and unshare are asked for; the rest is POSIX. */
const SHELLS: Readonly<Record<GroundKind, readonly string[]>> = {
  kernel: ['unshare', '-m', 'sh'],
  namespace: ['unshare', '-r', '-m', 'sh'],
  fuse: ['sh'],
  union: ['sh'],
}

const MOUNT = /^mount -t overlay overlay -o /

/** The mount as this ground has it: an ordinary user's marks are `user.overlay.*`; FUSE is another program's. */
function mountOn(kind: GroundKind, command: string): string {
  if (kind === 'namespace') return command.replace(MOUNT, '$&userxattr,')
  return kind === 'fuse' ? command.replace(MOUNT, 'shale overlay --view fuse -o ') : command
}

export class Ground implements AsyncDisposable {
  readonly directory: string
  readonly kind: GroundKind
  readonly marks: Marks
  /** Why not one before it. */
  readonly reason: string | undefined
  readonly #shell: ShellSession
  readonly #form: LayerForm
  #union: UnionFs | undefined

  private constructor(
    directory: string,
    shell: ShellSession,
    chosen: { readonly kind: GroundKind; readonly reason: string | undefined },
  ) {
    this.directory = directory
    this.#shell = shell
    this.kind = chosen.kind
    this.reason = chosen.reason
    const isKernel = chosen.kind === 'kernel' || chosen.kind === 'namespace'
    this.#form = isKernel ? 'trusted' : probeForm(directory)
    this.marks = isKernel ? 'device' : marksOf(this.#form, directory)
  }

  /** @throws HostError where no directory can be made; with `kind`, where that one is not to be had */
  static async open(options: GroundOptions): Promise<Ground> {
    const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'shale-lab-'))
    try {
      return await openIn(
        directory,
        options,
        (shell, chosen) => new Ground(directory, shell, chosen),
      )
    } catch (error) {
      fs.rmSync(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** What is typed here for a lesson's command. */
  commandFor(command: string): string {
    return mountOn(this.kind, command)
  }

  /** @param command as `commandFor` gives it */
  async run(command: string): Promise<ShellAnswer> {
    if (this.kind === 'union' && MOUNT.test(command)) {
      this.#union ??= this.#open()
      return { output: '', code: 0 }
    }
    if (this.#union !== undefined && namesMerged(command)) return runInUnion(this.#union, command)
    return this.#shell.run(command)
  }

  #open(): UnionFs {
    const at = (name: string): string => path.join(this.directory, name)
    const lowers = [at('L1'), at('L2')].map(
      (layer) => new DirectoryLayer(layer, { form: this.#form }),
    )
    return new UnionFs(
      {
        lowers: lowers.map((layer) => new DiskLayer(layer)),
        upper: new DirectoryUpper(at('U'), { form: this.#form, work: at('W') }),
      },
      {
        umask: 0o022,
        onClose: () => {
          for (const layer of lowers) layer.close()
        },
      },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#union?.close()
    if (this.kind === 'fuse') letGo(path.join(this.directory, 'M'))
    await this.#shell[Symbol.asyncDispose]()
    // The kernel's work directory has no permissions, and a layer may have files that nobody may write.
    openUp(this.directory)
    fs.rmSync(this.directory, { recursive: true, force: true })
  }
}

function openUp(directory: string): void {
  try {
    fs.chmodSync(directory, 0o700)
    for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
      if (entry.isDirectory()) openUp(path.join(directory, entry.name))
    }
  } catch {
    // A file of another user below: rmSync says which.
  }
}

/** In the form `user` a whiteout is a device where the kernel lets this user make one. */
function marksOf(form: LayerForm, directory: string): Marks {
  if (form === 'none') return 'name'
  if (form === 'trusted') return 'device'
  const probe = path.join(directory, '.marks')
  for (const name of ['U', 'W']) fs.mkdirSync(path.join(probe, name), { recursive: true })
  try {
    const upper = new DirectoryUpper(path.join(probe, 'U'), { form, work: path.join(probe, 'W') })
    try {
      upper.remove('x' as Parameters<typeof upper.remove>[0], { whiteout: true })
    } finally {
      upper.close()
    }
    return fs.lstatSync(path.join(probe, 'U', 'x')).isFile() ? 'attribute' : 'device'
  } finally {
    fs.rmSync(probe, { recursive: true, force: true })
  }
}

async function openIn(
  directory: string,
  options: GroundOptions,
  make: (
    shell: ShellSession,
    chosen: { readonly kind: GroundKind; readonly reason: string | undefined },
  ) => Ground,
): Promise<Ground> {
  const env = environment(directory, options.shale)
  const session = (program: readonly string[]): ShellSession =>
    new ShellSession(program, {
      cwd: directory,
      env,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    })
  const isRoot = process.geteuid?.() === 0
  const kinds = options.kind ? [options.kind] : isRoot ? GROUND_KINDS : GROUND_KINDS.slice(1)
  let reason: string | undefined
  for (const kind of kinds) {
    if (kind === 'union') return make(session(SHELLS[kind]), { kind, reason })
    const shell = session(SHELLS[kind])
    const refusal = await mountRefusal(shell, kind)
    if (refusal === undefined) return make(shell, { kind, reason })
    await shell[Symbol.asyncDispose]()
    if (options.kind) throw refusal
    reason ??= refusal.message
  }
  throw new Error('the union always works')
}

/** A mount that is tried is the only answer that counts. */
async function mountRefusal(shell: ShellSession, kind: GroundKind): Promise<Error | undefined> {
  const mount = 'mount -t overlay overlay -o lowerdir=.try/L,upperdir=.try/U,workdir=.try/W .try/M'
  const tries = [
    'mkdir .try .try/L .try/U .try/W .try/M .try/L/d',
    mountOn(kind, mount),
    // A file system without extended attributes cannot hide the removed directory behind the new one.
    'rmdir .try/M/d && mkdir .try/M/d',
  ]
  try {
    const { output, code } = await shell.run(tries.join(' && '))
    await shell.run(kind === 'fuse' ? 'shale umount .try/M' : 'umount .try/M')
    await shell.run('rm -rf .try')
    return code === 0 ? undefined : new Error(output.trim())
  } catch (error) {
    return error as Error
  }
}

/** Also after a signal, when there is no shell any more; what was never mounted is let go already. */
function letGo(target: string): void {
  if (listMounts().some((mount) => mount.target === target)) unmountFuse(target, { lazy: true })
}

/** `shale` on PATH, in the language that outputs are compared in, and away from the reader's own store. */
function environment(directory: string, shale: readonly string[]): NodeJS.ProcessEnv {
  const bin = path.join(directory, '.bin')
  fs.mkdirSync(bin)
  const quoted = shale.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  fs.writeFileSync(path.join(bin, 'shale'), `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 })
  const inherited = process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'
  const { HOME } = process.env
  return {
    PATH: `${bin}:${inherited}:/usr/sbin:/sbin`,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    SHALE_ROOT: path.join(directory, 'store'),
    TMPDIR: os.tmpdir(),
    ...(HOME === undefined ? {} : { HOME }),
  }
}
