// Writes a layer of test/support/memory-layer.ts to disk as a store would keep it, in each form, and says which forms
// and mounts this host and user allow.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { makeWhiteout, writeOpaque } from '../../src/archive/whiteout-form.ts'
import type { LayerForm, MountSpec } from '../../src/driver/driver.ts'
import { basename, dirname } from '../../src/path/byte-path.ts'
import { hostError, must } from '../../src/sys/errno.ts'
import { AT_FDCWD, O, close, openAt } from '../../src/sys/file-calls.ts'
import { probeForm, probeOverlay } from '../../src/sys/probe.ts'
import { setXattr } from '../../src/sys/xattr.ts'
import type { MemoryLayer } from './memory-layer.ts'

export const latin1 = (text: string): string => Buffer.from(text, 'utf8').toString('latin1')

/** Which forms can be written here; `none` always can. */
export function formsHere(): LayerForm[] {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-forms-'))
  try {
    const best = probeForm(directory)
    if (best === 'none') return ['none']
    const user = setXattr(latin1(directory), 'user.overlay.opaque', Buffer.from('y')) === 0
    return [...new Set<LayerForm>([best, ...(user ? ['user' as const] : []), 'none'])]
  } finally {
    fs.rmSync(directory, { recursive: true })
  }
}

/** Why the kernel's overlay cannot be the oracle here; false where it can. */
export async function overlaySkip(userxattr = false): Promise<string | false> {
  if (process.geteuid?.() !== 0) return 'overlay mounts need root'
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-overlay-'))
  try {
    const { available, reason } = await probeOverlay(directory, { userxattr })
    return available ? false : `no overlay mounts here: ${reason}`
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

/** Every regular file's content is its entry's. Whiteouts inside an opaque directory mean nothing, and are not written. */
export function writeLayer(
  directory: string,
  layer: Pick<MemoryLayer, 'entries'>,
  form: LayerForm,
): void {
  fs.mkdirSync(directory, { recursive: true })
  for (const [name, entry] of layer.entries) {
    const place = path.join(directory, Buffer.from(name, 'latin1').toString('utf8'))
    if (entry.type === 'directory') fs.mkdirSync(place, { recursive: true })
    else if (entry.type === 'file') fs.writeFileSync(place, entry.content ?? '')
    else if (entry.type === 'symlink') fs.symlinkSync(entry.linkTarget ?? '', place)
    else if (entry.type !== 'whiteout') throw new Error(`no ${entry.type} in these tests`)
    else if (layer.entries.get(dirname(name))?.opaque !== true) {
      makeWhiteout(path.dirname(place), basename(name), form)
      // The kernel looks for the mark at the top before it looks anywhere.
      if (form === 'user') markHasWhiteouts(directory)
    }
    if (entry.opaque === true) markOpaque(place, form)
  }
}

const X = Buffer.from('x')

/** The kernel looks for it at a layer's top, and in each directory that has whiteouts. */
export function markHasWhiteouts(directory: string): void {
  must(setXattr(latin1(directory), 'user.overlay.opaque', X), 'setxattr', directory)
}

export function markOpaque(directory: string, form: LayerForm): void {
  const fd = openAt(AT_FDCWD, latin1(directory), O.RDONLY | O.DIRECTORY)
  if (fd < 0) throw hostError(`open ${directory}`, -fd, 'openat', directory)
  try {
    writeOpaque(fd, form)
  } finally {
    close(fd)
  }
}

/** A stack on disk, nearest first. */
export function writeStack(
  home: string,
  layers: readonly MemoryLayer[],
  form: LayerForm,
): { directories: string[]; spec: MountSpec } {
  const names = layers.map((_, index) => `layer${index}/diff`)
  const directories = names.map((name) => path.join(home, name))
  for (const [index, layer] of layers.entries()) writeLayer(directories[index]!, layer, form)
  const spec: MountSpec =
    directories.length === 1
      ? { kind: 'bind', source: directories[0]! }
      : {
          kind: 'overlay',
          lowers: directories,
          shortLowers: names,
          home,
          userxattr: form !== 'trusted',
        }
  return { directories, spec }
}
