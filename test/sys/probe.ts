import fs from 'node:fs'
import t from 'tap'
import { filesystemName } from '../../src/sys/filesystem-name.ts'
import {
  inUserNamespace,
  probeForm,
  probeOverlay,
  supportsDirectoryTypes,
} from '../../src/sys/probe.ts'
import { canMakeDevices, canMountOverlay, isRoot, unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('the form fits what this user may do, and the probe leaves nothing', async (t) => {
  const dir = temporaryDirectory(t)
  const form = probeForm(dir)
  t.equal(form === 'trusted', isRoot && canMakeDevices() && !inUserNamespace())
  t.ok(['trusted', 'user', 'none'].includes(form))
  t.same(fs.readdirSync(dir), [])
})

t.test('file systems have docker names', async (t) => {
  t.not(filesystemName(temporaryDirectory(t)), '')
  t.equal(filesystemName('/proc'), '<unknown>')
  if (fs.existsSync('/dev/shm')) t.equal(filesystemName('/dev/shm'), 'tmpfs')
})

t.test('directory listings tell types here', async (t) => {
  const dir = temporaryDirectory(t)
  t.equal(
    supportsDirectoryTypes(dir),
    fs.readdirSync('/', { withFileTypes: true }).some((entry) => entry.isDirectory()),
  )
  t.same(fs.readdirSync(dir), [])
})

t.test(
  'overlay, with docker probes',
  { skip: canMountOverlay() ? false : 'needs to mount overlay' },
  async (t) => {
    const dir = temporaryDirectory(t)
    const support = await probeOverlay(dir, { userxattr: false })
    t.equal(support.available, true)
    const setting = (name: string): string => {
      try {
        return fs.readFileSync(`/sys/module/overlay/parameters/${name}`, 'latin1').trim()
      } catch {
        return 'N'
      }
    }
    t.equal(support.nativeDiff, setting('redirect_dir') === 'N')
    t.equal(support.metacopy, setting('metacopy') === 'Y')
    t.same(fs.readdirSync(dir), [])
  },
)

t.test(
  'overlay that cannot be had is an answer, not an error',
  { skip: unless({ ordinaryUser: true }) },
  async (t) => {
    const dir = temporaryDirectory(t)
    const support = await probeOverlay(dir, { userxattr: true })
    t.equal(support.available, false)
    t.type(support.reason, 'string')
    t.same(fs.readdirSync(dir), [])
  },
)
