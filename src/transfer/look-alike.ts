// What something is that is no image archive, in words that tell the user what to do instead: the wrong file of the
// right folder is the most common mistake. Guesses from first bytes and names; never decides what is loaded.

import { pathFromText, type BytePath } from '../path/byte-path.ts'
import type { Members } from './members.ts'

/** Enough for the farthest magic, that of ISO 9660 at 32 KiB + 1. */
export const HEAD_BYTES: number = 34 * 1024

const MAGICS: readonly (readonly [offset: number, magic: string, what: string])[] = [
  [0, '\x7fELF', 'an ELF program or library'],
  [0, '\xff\xd8\xff', 'a JPEG picture'],
  [0, '\x89PNG\r\n\x1a\n', 'a PNG picture'],
  [0, 'GIF8', 'a GIF picture'],
  [0, '%PDF-', 'a PDF document'],
  [0, 'PK\x03\x04', 'a ZIP file'],
  [0, "7z\xbc\xaf'\x1c", 'a 7-Zip file'],
  [0, 'Rar!\x1a\x07', 'a RAR file'],
  [0, '!<arch>\ndebian-binary', 'a Debian package'],
  [0, '!<arch>\n', 'a static library (ar archive)'],
  [0, '\xed\xab\xee\xdb', 'an RPM package'],
  [0, 'hsqs', 'a squashfs file system'],
  [0, '070701', 'a cpio archive'],
  [0, 'QFI\xfb', "a virtual machine's disk (qcow2)"],
  [0, 'KDMV', "a virtual machine's disk (VMDK)"],
  [0, 'SQLite format 3\0', 'an SQLite database'],
  [0, 'SIMPLE IMAGE FORMAT', 'a Singularity image'],
  [0, '#!/usr/bin/env run-singularity', 'a Singularity image'],
  [0, '#!', 'a script'],
  [0, '\x1f\x8b', 'gzip data'],
  [0, '\x28\xb5\x2f\xfd', 'zstd data'],
  [0, 'BZh', 'bzip2 data'],
  [0, '\xfd7zXZ\0', 'xz data'],
  [1080, '\x53\xef', 'an ext file system'],
  [32769, 'CD001', 'a CD or DVD image (ISO 9660)'],
]

/**
 * @param head the first HEAD_BYTES of a file that is no tar, or all of it
 * @returns to stand after `it is `
 */
export function describeFile(head: Buffer): string {
  if (head.length === 0) return 'an empty file'
  for (const [offset, magic, what] of MAGICS) {
    if (head.toString('latin1', offset, offset + magic.length) === magic) return what
  }
  if (head.every((byte) => byte === 0))
    return head.length < 1024 ? 'nothing but zeros' : 'an empty tar, or nothing but zeros'
  const text = head.subarray(0, 1024).toString('utf8').trimStart()
  if (/^(<!doctype html|<html|<head)/i.test(text)) {
    return 'a web page: the download gave an error or a login page instead of the archive'
  }
  if (/^<\?xml|^<\w+/.test(text)) return 'XML'
  if (/^[{[]/.test(text)) return describeJSON(text)
  if (/^(#\s*syntax=|FROM\s|ARG\s)/m.test(text))
    return 'a Dockerfile: build it first, and save the image'
  // eslint-disable-next-line no-control-regex
  if (!/[\x00-\x08\x0e-\x1f\ufffd]/.test(text.slice(0, 512))) return 'text'
  return 'of no kind that shale knows, or damaged at its start'
}

function describeJSON(text: string): string {
  if (/"(manifests|layers)"\s*:/.test(text)) {
    return 'a manifest or index alone, without its layers: give the whole layout directory or archive'
  }
  if (/"rootfs"\s*:/.test(text)) return 'an image config alone, without its layers'
  return 'JSON'
}

/** Folders that every root file system has some of, and no image archive has any of. */
const ROOT_FOLDERS = ['bin', 'etc', 'lib', 'proc', 'root', 'sbin', 'usr', 'var']

/** @returns to stand after `it ` */
export function describeMembers(members: Members, kind: 'tar' | 'directory'): string {
  const top = members.top()
  const has = (name: string): boolean => members.get(pathFromText(name)) !== undefined
  const thing = kind === 'tar' ? 'a tar' : 'a directory'
  if (top.length === 0) return `is ${kind === 'tar' ? 'an empty tar' : 'an empty directory'}`
  if (top.filter((name) => ROOT_FOLDERS.includes(name)).length >= 2) {
    return 'looks like a root file system: use import to make an image of it'
  }
  if (isDockerRoot(has))
    return "looks like docker's data directory: use --root to work on it as it is"
  if (has('overlay-images') || has('overlay-layers'))
    return "looks like podman's storage, which shale does not read: use podman save"
  if (has('version') && has('manifest.json')) {
    return 'looks like a dir: directory of skopeo: copy it with skopeo to oci: or docker-archive:'
  }
  if (has('Dockerfile')) return 'looks like a build context: build it first, and save the image'
  const inner = top.find((name) => isLayout((file) => has(`${name}/${file}`)))
  if (inner !== undefined && kind === 'tar') {
    return `has an image layout in its folder ${JSON.stringify(inner)}: unpack it and load that folder`
  }
  if (inner !== undefined)
    return `has an image layout in its folder ${JSON.stringify(inner)}: load that folder`
  if (has('oci-layout') || has('blobs'))
    return 'is an image layout without its index.json: it is incomplete'
  return `is ${thing} with neither manifest.json nor index.json (it holds ${listing(top)})`
}

function isLayout(has: (file: string) => boolean): boolean {
  return has('index.json') || has('manifest.json')
}

function isDockerRoot(has: (name: string) => boolean): boolean {
  return has('image/overlay2') || has('image/vfs') || (has('overlay2') && has('image'))
}

function listing(top: readonly BytePath[]): string {
  const shown = top.slice(0, 3).map((name) => JSON.stringify(name.slice(0, 60)))
  return top.length > 3 ? `${shown.join(', ')} and ${top.length - 3} more` : shown.join(', ')
}
