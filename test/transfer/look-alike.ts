import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { openArchive } from '../../src/transfer/open-archive.ts'
import { dockerArchive20, ociLayout, packed, smallImage, unpackedTo } from '../support/image.ts'
import { dir, file, gzip, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const at = (offset: number, magic: string): Buffer => {
  const bytes = Buffer.alloc(offset + 4096, 0x11)
  bytes.write(magic, offset, 'latin1')
  return bytes
}

/** What a user may pass by mistake, and the words that help. */
const FILES: readonly (readonly [name: string, bytes: Buffer, says: RegExp])[] = [
  ['nothing', Buffer.alloc(0), /it is an empty file/],
  ['zeros', Buffer.alloc(10240), /an empty tar, or nothing but zeros/],
  ['node', at(0, '\x7fELF\x02\x01\x01'), /an ELF program/],
  ['photo.jpg', at(0, '\xff\xd8\xff\xe0'), /a JPEG picture/],
  ['chart.png', at(0, '\x89PNG\r\n\x1a\n'), /a PNG picture/],
  ['paper.pdf', at(0, '%PDF-1.7'), /a PDF document/],
  ['app.jar', at(0, 'PK\x03\x04'), /a ZIP file/],
  ['app.deb', at(0, '!<arch>\ndebian-binary   '), /a Debian package/],
  ['app.rpm', at(0, '\xed\xab\xee\xdb'), /an RPM package/],
  ['root.squashfs', at(0, 'hsqs'), /a squashfs file system/],
  ['initrd', at(0, '070701'), /a cpio archive/],
  ['disk.qcow2', at(0, 'QFI\xfb'), /virtual machine's disk/],
  ['root.ext4', at(1080, '\x53\xef'), /an ext file system/],
  ['debian.iso', at(32769, 'CD001'), /ISO 9660/],
  ['run', Buffer.from('#!/bin/sh\necho hi\n'), /a script/],
  ['login.html', Buffer.from('\n<!DOCTYPE html><html><body>Sign in'), /a web page/],
  ['feed.xml', Buffer.from('<?xml version="1.0"?><a/>'), /XML/],
  ['index.json', Buffer.from('{"schemaVersion":2,"manifests":[]}'), /manifest or index alone/],
  ['config.json', Buffer.from(image.configBytes), /image config alone/],
  ['package.json', Buffer.from('{"name":"x"}'), /it is JSON/],
  ['Dockerfile', Buffer.from('FROM debian:12\nRUN true\n'), /a Dockerfile/],
  ['notes.txt', Buffer.from('nothing of interest\n'), /it is text/],
  ['noise', at(0, '\x01\x02\x03\x04'), /no kind that shale knows/],
  ['photo.jpg.gz', gzip(at(0, '\xff\xd8\xff\xe0')), /a JPEG picture \(packed with gzip\)/],
  ['empty.gz', gzip(Buffer.alloc(0)), /an empty file \(packed with gzip\)/],
  [
    'root.tar',
    layerTar(dir('etc'), file('etc/passwd'), dir('usr'), dir('var')),
    /root file system: use import/,
  ],
  [
    'source.tar',
    layerTar(file('a.c'), file('b.c'), file('c.c'), file('d.c')),
    /"a\.c", "b\.c", "c\.c" and 1 more/,
  ],
  ['context.tar', layerTar(file('Dockerfile'), file('main.c')), /a build context/],
  [
    'wrapped.tar',
    layerTar(file('app/index.json', '{}'), file('app/oci-layout', '{}')),
    /image layout in its folder "app": unpack it and load that folder/,
  ],
  ['half.tar', layerTar(file('oci-layout', '{}'), dir('blobs')), /without its index\.json/],
]

const FOLDERS: readonly (readonly [name: string, files: readonly string[], says: RegExp])[] = [
  ['empty', [], /an empty directory/],
  ['rootfs', ['etc/passwd', 'usr/bin/env', 'var/x'], /root file system: use import/],
  [
    'docker',
    ['image/overlay2/repositories.json', 'overlay2/l/x'],
    /docker's data directory: use --root/,
  ],
  ['storage', ['overlay-images/images.json', 'overlay-layers/layers.json'], /podman save/],
  ['skopeo', ['version', 'manifest.json'], /dir: directory of skopeo/],
  ['parent', ['app/oci-layout', 'app/index.json'], /its folder "app": load that folder/],
  ['other', ['a'], /neither manifest\.json nor index\.json \(it holds "a"\)/],
]

t.test('files', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, bytes, message] of FILES) {
    const input = path.join(directory, name)
    fs.writeFileSync(input, bytes)
    const expected = { code: 'ERR_NOT_AN_IMAGE', message }
    await t.rejects(openArchive(input, { spoolDirectory: directory }), expected, name)
  }
})

t.test('directories', async (t) => {
  const directory = temporaryDirectory(t)
  for (const [name, files, message] of FOLDERS) {
    const input = unpackedTo(
      path.join(directory, name),
      new Map(files.map((file) => [file, Buffer.from('{}')])),
    )
    const expected = { code: 'ERR_NOT_AN_IMAGE', message }
    await t.rejects(openArchive(input, { spoolDirectory: directory }), expected, name)
  }
})

t.test('names of files do not matter', async (t) => {
  const directory = temporaryDirectory(t)
  const tar = path.join(directory, 'photo.jpg')
  fs.writeFileSync(tar, gzip(packed(dockerArchive20([{ image }]))))
  const archive = await openArchive(tar, { spoolDirectory: directory })
  t.equal(archive.images[0]!.imageID, image.imageID)
  await archive.close()
})

t.test('an image that holds folders of a root is still an image', async (t) => {
  const directory = temporaryDirectory(t)
  const files = ociLayout([{ image }])
  for (const name of ['etc/', 'usr/', 'var/']) files.set(name, { directory: true })
  const folder = unpackedTo(path.join(directory, 'odd'), files)
  const archive = await openArchive(folder, { spoolDirectory: directory })
  t.equal(archive.kind, 'oci-dir')
  await archive.close()
})
