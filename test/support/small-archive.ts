// A docker-archive of three layers, written with GNU tar as an engine's would be: small enough to break in many ways.

import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { sha256, sha256OfFile } from './archive-layers.ts'

export interface SmallArchive {
  readonly file: string
  readonly name: string
  readonly imageID: string
  readonly diffIDs: readonly string[]
  readonly sizeBytes: number
}

/** @param seed other seeds give other layers and IDs */
export function makeSmallArchive(dir: string, name = 'small:1', seed = 'seed'): SmallArchive {
  const work = fs.mkdtempSync(path.join(dir, 'small-'))
  const layers: ((tree: string) => void)[] = [
    (tree) => {
      fs.mkdirSync(path.join(tree, 'etc'))
      fs.mkdirSync(path.join(tree, 'data/deep'), { recursive: true })
      fs.writeFileSync(path.join(tree, 'etc/name'), `${seed}\n`)
      fs.linkSync(path.join(tree, 'etc/name'), path.join(tree, 'data/linked'))
      fs.symlinkSync('../etc/name', path.join(tree, 'data/symlink'))
      for (let i = 0; i < 40; i++)
        fs.writeFileSync(path.join(tree, `data/deep/${i}`), sequence(`${seed}${i}`, i * 1777))
    },
    (tree) => {
      fs.mkdirSync(path.join(tree, 'data/deep'), { recursive: true })
      fs.writeFileSync(path.join(tree, 'data/deep/.wh..wh..opq'), '')
      fs.writeFileSync(path.join(tree, 'data/deep/only'), 'only\n')
      fs.writeFileSync(path.join(tree, 'data/.wh.linked'), '')
    },
    (tree) => fs.writeFileSync(path.join(tree, 'big'), sequence(seed, 3_000_000)),
  ]
  const members = layers.map((build, index) => {
    const tree = path.join(work, `tree${index}`)
    const member = `layer${index}.tar`
    fs.mkdirSync(tree)
    build(tree)
    const flags = [
      '--sort=name',
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '--mtime=@1700000000',
    ]
    execFileSync('tar', [...flags, '-cf', path.join(work, member), '-C', tree, '.'])
    return member
  })
  const diffIDs = members.map((member) => sha256OfFile(path.join(work, member)))
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
      os: 'linux',
      created: '2023-11-14T22:13:20Z',
      config: { Cmd: ['/bin/true'] },
      rootfs: { type: 'layers', diff_ids: diffIDs },
      history: members.map((member) => ({ created: '2023-11-14T22:13:20Z', created_by: member })),
    }),
  )
  const imageID = sha256(config)
  const configName = `${imageID.slice(7)}.json`
  fs.writeFileSync(path.join(work, configName), config)
  const manifest = [{ Config: configName, RepoTags: [name], Layers: members }]
  fs.writeFileSync(path.join(work, 'manifest.json'), JSON.stringify(manifest))
  const file = path.join(work, 'archive.tar')
  execFileSync('tar', ['-cf', file, '-C', work, configName, ...members, 'manifest.json'])
  return { file, name, imageID, diffIDs, sizeBytes: fs.statSync(file).size }
}

/** Bytes that do not repeat, the same for the same seed: a generator, so that no file is all zeros. */
function sequence(seed: string, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = [...Buffer.from(seed)].reduce((sum, byte) => (sum * 31 + byte) | 0, 17) | 1
  for (let i = 0; i < length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state & 0xff
  }
  return bytes
}
