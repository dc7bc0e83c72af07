import t from 'tap'
import { isUTF8 } from '../../cli/commands/tree.ts'
import { chainIDs } from '../../src/digest/chain-id.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { IMAGES, SCRATCH_ID, fixtureStore } from '../support/store-fixture.ts'

const short = (id: string): string => id.slice(7, 19)
const top = (name: 'app' | 'dangling' | 'base'): string =>
  short(chainIDs(IMAGES[name].diffIDs).at(-1)!)

/** Without sizes, which the driver's rule decides. */
function shape(text: string): string[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map((line) => line.replace(/, [0-9.]+k?B\)/, ')').replace(/ +[0-9.]+k?B/, ''))
}

t.test('branches where images part', async (t) => {
  const { root } = await fixtureStore(t)
  const env = { LANG: 'en_US.UTF-8' }
  const { code, stdout } = await shaleInProcess(['tree'], { root, env })
  t.equal(code, 0)
  t.match(stdout, new RegExp(`^${root}  overlay2  [0-9.]+k?B\n`))
  const appID = short(IMAGES.app.imageID)
  const baseID = short(IMAGES.base.imageID)
  const lines = shape(stdout)
  t.match(lines[0], `├─ ${top('base')}  base:1, base@sha256:`)
  t.match(lines[0], `(${baseID})`)
  t.same(lines.slice(1), [
    `│  ├─ ${top('app')}  app:1, app:latest, reg.example:5000/team/app:1 (${appID})`,
    `│  └─ ${top('dangling')}  <none> (${short(IMAGES.dangling.imageID)})`,
    `└─ (no layers)  void:latest (${short(SCRATCH_ID)})`,
  ])
})

t.test('a chain is a column; --ascii and other locales', async (t) => {
  const { root } = await fixtureStore(t)
  const { stdout } = await shaleInProcess(['tree', 'app'], { root, env: { LC_ALL: 'C' } })
  t.same(shape(stdout), [
    `\`- ${top('base')}`,
    `   ${top('app')}  app:1, app:latest, reg.example:5000/team/app:1 (${short(IMAGES.app.imageID)})`,
  ])
  const env = { LANG: 'C.UTF-8' }
  t.equal((await shaleInProcess(['tree', '--ascii', 'app'], { root, env })).stdout, stdout)
  t.equal(isUTF8({ LC_ALL: 'C', LANG: 'C.UTF-8' }), false)
  t.equal(isUTF8({ LC_ALL: '', LC_CTYPE: 'de_DE.utf8' }), true)
  t.equal(isUTF8({}), false)
})

t.test('--json, and a name that is not there', async (t) => {
  const { root } = await fixtureStore(t)
  const tree = JSON.parse((await shaleInProcess(['tree', '--json'], { root })).stdout)
  t.equal(tree.bases[0].children.length, 2)
  t.equal((await shaleInProcess(['tree', 'nope'], { root })).code, 10)
})
