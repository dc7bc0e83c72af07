// Making the small files of a layer, with owner, mode and times: the calls that shale uses, relative to an open
// directory, beside node:fs on whole paths.

import fs from 'node:fs'
import path from 'node:path'
import * as calls from '../../src/sys/file-calls.ts'
import { O } from '../../src/sys/file-calls.ts'
import type { MicroCase } from '../micro.ts'

const TIME_NS = 1_700_000_000_123_456_789n
const BODY = Buffer.alloc(4000, 'file ')
const isRoot = process.getuid?.() === 0

export async function createFilesCase(options: {
  readonly smoke: boolean
  readonly dir: string
}): Promise<MicroCase> {
  const files = options.smoke ? 100 : 10_000
  const target = path.join(options.dir, 'files')
  const before = (): void => {
    fs.rmSync(target, { recursive: true, force: true })
    fs.mkdirSync(target)
  }
  const owner = { uid: process.getuid!(), gid: process.getgid!() }
  const must = (result: number): number => {
    if (result < 0) throw new Error(`a call failed with errno ${-result}`)
    return result
  }
  return {
    title: 'archive/create-files',
    workUnit: 'file',
    contestants: [
      {
        name: 'shale file calls',
        subject: true,
        work: files,
        before,
        run() {
          const dir = must(calls.openAt(calls.AT_FDCWD, target, O.RDONLY | O.DIRECTORY))
          for (let i = 0; i < files; i++) {
            const fd = must(calls.openAt(dir, `file-${i}`, O.WRONLY | O.CREAT | O.EXCL, 0o600))
            must(calls.writeAll(fd, BODY))
            if (isRoot) must(calls.chown(fd, owner.uid, owner.gid))
            must(calls.chmod(fd, 0o644))
            must(calls.setTimesOf(fd, TIME_NS, TIME_NS))
            calls.close(fd)
          }
          calls.close(dir)
        },
      },
      {
        name: 'node:fs',
        subject: false,
        work: files,
        before,
        run() {
          const seconds = Number(TIME_NS / 1_000_000n) / 1000
          for (let i = 0; i < files; i++) {
            const fd = fs.openSync(path.join(target, `file-${i}`), 'wx', 0o600)
            fs.writeSync(fd, BODY)
            if (isRoot) fs.fchownSync(fd, owner.uid, owner.gid)
            fs.fchmodSync(fd, 0o644)
            fs.futimesSync(fd, seconds, seconds)
            fs.closeSync(fd)
          }
        },
      },
    ],
  }
}
