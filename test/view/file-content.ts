import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { pathFromText } from '../../src/path/byte-path.ts'
import { openContent } from '../../src/view/file-content.ts'
import { LayerStack } from '../../src/view/stack.ts'
import { writeStack } from '../support/layer-directory.ts'
import { file, memoryLayer, symlink, whiteout } from '../support/memory-layer.ts'
import { unless } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const p = pathFromText
const openFds = (): number => fs.readdirSync('/proc/self/fd').length

async function text(stack: LayerStack, at: string): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of openContent(stack, p(at))) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

t.test('the file of the layer that decides, links followed inside the image', async (t) => {
  const home = temporaryDirectory(t)
  const { directories } = writeStack(
    home,
    [
      memoryLayer(file('etc/conf', 'new'), symlink('lib', 'usr/lib'), whiteout('gone')),
      memoryLayer(file('etc/conf', 'old'), file('usr/lib/x', 'lib'), file('gone', 'g')),
      memoryLayer(symlink('abs', '/etc/conf'), symlink('out', '../../etc/conf'), file('empty')),
    ],
    'none',
  )
  using stack = new LayerStack(directories, { form: 'none' })
  const before = openFds()
  t.equal(await text(stack, '/etc/conf'), 'new')
  t.equal(await text(stack, 'lib/x'), 'lib')
  t.equal(await text(stack, 'abs'), 'new')
  t.equal(await text(stack, 'out'), 'new')
  t.equal(await text(stack, 'empty'), '')
  t.throws(() => openContent(stack, p('gone')), { code: 'ERR_PATH_NOT_FOUND' })
  t.throws(() => openContent(stack, p('etc')), {
    code: 'ERR_NOT_A_FILE',
    message:
      'cannot read /etc of the image: it is a directory, and only regular files have content',
  })
  for await (const chunk of openContent(stack, p('etc/conf'))) {
    t.equal(chunk.length, 3)
    break
  }
  openContent(stack, p('etc/conf')).close()
  t.ok(openFds() <= before + directories.length, 'no fd is left but one directory a layer')
})

t.test('content longer than a chunk, and after the stack is closed', async (t) => {
  const home = temporaryDirectory(t)
  const bytes = Buffer.alloc((3 << 20) + 17, 'abcdefg')
  fs.writeFileSync(path.join(home, 'big'), bytes)
  const stack = new LayerStack([home], { form: 'none' })
  const content = openContent(stack, p('big'))
  stack.close()
  const chunks: Uint8Array[] = []
  for await (const chunk of content) chunks.push(chunk)
  t.ok(chunks.length > 1)
  t.ok(Buffer.concat(chunks).equals(bytes))
  t.equal(content.node.sizeBytes, bytes.length)
})

t.test(
  'a FIFO is refused, not waited for',
  { skip: unless({ programs: ['mkfifo'] }) },
  async (t) => {
    const home = temporaryDirectory(t)
    execFileSync('mkfifo', [path.join(home, 'pipe')])
    using stack = new LayerStack([home], { form: 'none' })
    t.throws(() => openContent(stack, p('pipe')), {
      code: 'ERR_NOT_A_FILE',
      message: /a named pipe/,
    })
  },
)

t.test('a device is refused', { skip: unless({ root: true, devices: true }) }, async (t) => {
  const home = temporaryDirectory(t)
  execFileSync('mknod', [path.join(home, 'zero'), 'c', '1', '5'])
  using stack = new LayerStack([home])
  t.throws(() => openContent(stack, p('zero')), {
    code: 'ERR_NOT_A_FILE',
    message: /a character device/,
  })
})
