// `shale tag` as its user sees it: silence, and the name is there.

import path from 'node:path'
import t from 'tap'
import { buildImage, dockerArchive25, packed, smallImage } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const image = smallImage()
const other = buildImage([layerTar(file('other', 'x'))])
const root = path.join(temporaryDirectory(t), 'root')

async function namesOf(name: string): Promise<readonly string[]> {
  const done = await shaleInProcess(['inspect', '-f', '{{json .RepoTags}}', name], { root })
  return JSON.parse(done.stdout) as string[]
}

t.before(async () => {
  const stdin = packed(
    dockerArchive25([
      { image, tags: ['app:1'] },
      { image: other, tags: ['other:1'] },
    ]),
  )
  await shaleInProcess(['load', '-q'], { root, stdin })
})

t.test('by name and by ID prefix, in either form', async (t) => {
  for (const args of [
    ['tag', 'app:1', 'second'],
    ['image', 'tag', image.imageID.slice(7, 27), 'registry.example:5000/third:x'],
  ]) {
    const done = await shaleInProcess(args, { root })
    t.same([done.code, done.stdout, done.stderr], [0, '', ''], args.join(' '))
  }
  t.same(await namesOf('app:1'), ['app:1', 'second:latest', 'registry.example:5000/third:x'])
})

t.test('a name moves; --json tells from where', async (t) => {
  const done = await shaleInProcess(['--json', 'tag', 'other:1', 'second'], { root })
  t.same(JSON.parse(done.stdout), {
    name: 'second:latest',
    imageID: other.imageID,
    previous: image.imageID,
  })
  t.same(await namesOf('other:1'), ['other:1', 'second:latest'])
  t.notOk((await namesOf('app:1')).includes('second:latest'))
})
