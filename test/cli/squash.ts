// `shale squash` as its user sees it; what becomes of the layers is test/containers/squash.ts's.

import t from 'tap'
import { containerFixture } from '../support/container.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar } from '../support/layer.ts'

t.test('prints the new image, and names it', async (t) => {
  const layers = ['a', 'b', 'c'].map((name) => layerTar(file(name, name)))
  const { root } = await containerFixture(t, layers)
  const run = (...args: string[]): ReturnType<typeof shaleInProcess> =>
    shaleInProcess(args, { root })
  const done = await run('squash', '-t', 'flat:1', 'base:1')
  t.match(done, { code: 0, stdout: /^sha256:[0-9a-f]{64}\n$/ })
  const inspected = JSON.parse((await run('inspect', 'flat:1')).stdout) as {
    Id: string
    RootFS: { Layers: string[] }
  }[]
  t.equal(`${inspected[0]!.Id}\n`, done.stdout)
  t.equal(inspected[0]!.RootFS.Layers.length, 1)
  const part = JSON.parse(
    (await run('--json', 'image', 'squash', '--from', '2', '--tag', 'part', 'base:1')).stdout,
  ) as object
  t.match(part, { name: 'part:latest', squashedLayers: 2 })
  t.match(await run('squash', '--from', '9', 'base:1'), {
    code: 10,
    stderr: /^shale: cannot squash from layer 9: the image has layers 1 to 3/,
  })
})
