// A container that is changed by turns: through shale's FUSE view, through a merge that is folded back, and by a real
// dockerd, whose own diff says each time what it takes the writable layer for.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { fuseUnavailable } from '../../src/sys/fuse-device.ts'
import { shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { isRoot, realImage, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const skip =
  unless({ interop: true, root: true, programs: DOCKER_PROGRAMS, realImage: true }) ||
  (fuseUnavailable(isRoot) ?? false)
const NAME = 'real/app:1'

t.test('docker and shale write one layer by turns', { skip }, async (t) => {
  const root = path.join(temporaryDirectory(t), 'root')
  const shale = (...args: string[]): string => shaleOk(['--root', root, ...args])
  shale('load', '-q', '-i', realImage.tar)
  const again =
    'cat /etc/by-fuse; rm /etc/by-fuse; echo docker > /etc/by-docker; mkdir /opt/d; touch /opt/d/x'
  shale('create', '--name', 'web', NAME, 'sh', '-c', again)
  const target = path.join(path.dirname(root), 'shown')
  fs.mkdirSync(target)
  const at = (name: string): string => path.join(target, name)

  shale('mount', '--view', 'fuse', 'web', target)
  fs.writeFileSync(at('etc/by-fuse'), 'fuse\n')
  fs.rmSync(at('etc/apt'), { recursive: true })
  fs.mkdirSync(at('etc/apt'))
  fs.writeFileSync(at('etc/apt/only'), 'this is all there is')
  fs.chmodSync(at('srv'), 0o711)
  fs.linkSync(at('etc/passwd'), at('etc/passwd-linked'))
  shale('umount', 'web')

  {
    await using dockerd = await startDockerd(root)
    const diff = dockerd.docker('diff', 'web').split('\n')
    for (const line of ['A /etc/by-fuse', 'A /etc/apt/only', 'A /etc/passwd-linked', 'C /srv']) {
      t.ok(diff.includes(line), line)
    }
    t.same(shale('diff', 'web').split('\n').sort(), [...diff].sort())
    t.equal(dockerd.docker('start', '-a', 'web'), 'fuse')
  }

  shale('mount', '--view', 'fuse', 'web', target)
  t.notOk(fs.existsSync(at('etc/by-fuse')))
  t.equal(fs.readFileSync(at('etc/by-docker'), 'utf8'), 'docker\n')
  t.same(fs.readdirSync(at('etc/apt')), ['only'])
  t.same(fs.readdirSync(at('opt/d')), ['x'])
  shale('umount', 'web')

  shale('mount', '--view', 'merge', 'web', target)
  fs.rmSync(at('opt/d'), { recursive: true })
  fs.renameSync(at('usr/share/doc'), at('usr/share/papers'))
  fs.writeFileSync(at('etc/by-fuse'), 'merge\n')
  shale('umount', 'web')
  {
    await using dockerd = await startDockerd(root)
    const diff = dockerd.docker('diff', 'web').split('\n')
    t.ok(diff.includes('D /usr/share/doc') && diff.includes('A /usr/share/papers'))
    t.notOk(diff.some((line) => line.endsWith('/opt/d')))
    t.same(shale('diff', 'web').split('\n').sort(), [...diff].sort())
    t.equal(dockerd.docker('start', '-a', 'web'), 'merge')
    dockerd.docker('rm', 'web')
  }
})
