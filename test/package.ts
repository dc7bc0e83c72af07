// What npm would publish: only what users need, and it works where nothing of this checkout is.
// No registry is asked: the dependencies are linked from here, npm only packs and links the command.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import t from 'tap'
import { cleanEnvironment, PROJECT, withoutLoader } from './support/cli.ts'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
}

const manifest = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')) as Manifest
// Outside of the checkout, or Node would find the dependencies of the checkout.
const work = fs.mkdtempSync(path.join(os.tmpdir(), 'shale-package-'))
t.teardown(() => fs.rmSync(work, { recursive: true, force: true }))

function npm(args: readonly string[], cwd: string): string {
  // npm writes caches and logs: an ordinary user's home may be missing.
  const env = cleanEnvironment({ HOME: work, npm_config_cache: path.join(work, 'cache') })
  return execFileSync('npm', [...args], {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

// --ignore-scripts: `prepare` would build again, below the feet of the tests that run beside this one.
const packed = JSON.parse(
  npm(['pack', '--json', '--ignore-scripts', '--pack-destination', work], PROJECT),
) as readonly { readonly filename: string; readonly files: readonly { readonly path: string }[] }[]
const files = packed[0]!.files.map((file) => file.path).sort()
const shipped = new Set(files)

t.test('ships the command, the library with its types, and the papers', async (t) => {
  for (const file of ['package.json', 'README.md', 'LICENSE', 'dist/bin/main.js'])
    t.ok(shipped.has(file), file)
  t.ok(shipped.has('dist/src/index.js'))
  t.ok(shipped.has('dist/src/index.d.ts'))
})

t.test('ships nothing else', async (t) => {
  const wanted =
    /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|dist\/src\/.+\.(js|d\.ts)|dist\/bin\/.+\.js)$/
  t.same(
    files.filter((file) => !wanted.test(file)),
    [],
  )
  const reached = new Set<string>()
  const visit = (file: string): void => {
    if (reached.has(file)) return
    reached.add(file)
    const text = fs.readFileSync(path.join(PROJECT, file), 'utf8')
    for (const [, specifier] of text.matchAll(/['"](\.{1,2}\/[^'"\n]+\.js)['"]/g)) {
      const target = path.join(path.dirname(file), specifier!)
      if (fs.existsSync(path.join(PROJECT, target))) visit(target)
    }
  }
  for (const file of [
    ...['main', 'mount-helper', 'worker', 'reassemble-worker', 'fuse-server', 'fuse-worker'],
  ])
    visit(`dist/bin/${file}.js`)
  visit('dist/src/index.js')
  // Modules that run in a process of their own, found by name: src/sys/module-file.ts.
  for (const name of ['enter-root', 'lock-directory', 'relative-mount', 'one-lower'])
    visit(`dist/src/sys/${name}.js`)
  for (const file of reached) t.ok(shipped.has(file), `${file} is imported, so it ships`)
  // A module that only has types leaves an empty .js that nothing imports.
  const isEmpty = (file: string): boolean =>
    /^(\s*(\/\/.*|export \{\};)?\n?)*$/.test(fs.readFileSync(path.join(PROJECT, file), 'utf8'))
  t.same(
    files.filter((file) => file.endsWith('.js') && !reached.has(file) && !isEmpty(file)),
    [],
    'every shipped module is reached from the command or the library',
  )
})

const consumer = path.join(work, 'consumer')

t.test('works where it is installed', async (t) => {
  const installed = path.join(consumer, 'node_modules', manifest.name)
  fs.mkdirSync(installed, { recursive: true })
  const tarball = path.join(work, path.basename(packed[0]!.filename))
  const { extract } = await import('tar')
  await extract({ file: tarball, cwd: installed, strip: 1 })
  fs.writeFileSync(
    path.join(consumer, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies: { shale: manifest.version } }),
  )
  for (const dependency of Object.keys(manifest.dependencies)) {
    const link = path.join(consumer, 'node_modules', dependency)
    fs.mkdirSync(path.dirname(link), { recursive: true })
    fs.symlinkSync(path.join(PROJECT, 'node_modules', dependency), link)
  }
  npm(['rebuild', '--offline', manifest.name], consumer)

  const version = npm(['exec', '--no', '--offline', '--', 'shale', '--version'], consumer)
  t.match(version, manifest.version, 'npx shale --version')

  const diffID = `sha256:${'0'.repeat(64)}`
  const program = [
    "import * as shale from 'shale'",
    `console.log(shale.chainID([shale.parseDigest(${JSON.stringify(diffID)})]))`,
    'console.log(typeof shale.openStore, typeof shale.loadArchive, typeof shale.saveArchive)',
  ].join('\n')
  fs.writeFileSync(path.join(consumer, 'use.js'), program)
  const used = spawnSync(process.execPath, ['use.js'], { cwd: consumer, encoding: 'utf8' })
  t.equal(used.stderr, '')
  t.same(used.stdout.trim().split('\n'), [diffID, 'function function function'])
})

t.test('an --env-file is the command’s own, and none of Node’s', async (t) => {
  // Node 20 takes that option wherever it stands among a program's arguments, and the file's variables for its own.
  const command = path.join(consumer, 'node_modules', '.bin', manifest.name)
  fs.writeFileSync(path.join(work, 'env'), `NODE_OPTIONS=--none\nSHALE_ROOT=${work}/wrong\n`)
  const create = (file: string): { status: number | null; stderr: string } =>
    spawnSync(command, ['create', '--env-file', path.join(work, file), 'app:1'], {
      env: cleanEnvironment({ SHALE_ROOT: undefined, XDG_DATA_HOME: work, HOME: work }),
      encoding: 'utf8',
    })
  const missing = create('missing')
  t.equal(
    missing.stderr,
    `shale: cannot read the env file ${work}/missing: no such file or directory\n`,
  )
  t.equal(missing.status, 10)
  const read = create('env')
  t.equal(read.stderr, 'shale: No such image: app:1\n')
  t.notOk(fs.existsSync(path.join(work, 'wrong')))
})

t.test('its types are complete', async (t) => {
  const program = [
    "import { chainID, openStore, type DiffID, type ChainID } from 'shale'",
    'export const top = (layers: [DiffID, ...DiffID[]]): ChainID => chainID(layers)',
    '// @ts-expect-error a chainID is no diffID',
    'export const wrong = (layer: ChainID): ChainID => chainID([layer])',
    'export const opened: typeof openStore = openStore',
  ].join('\n')
  fs.writeFileSync(path.join(consumer, 'use.ts'), program)
  // What the papers show has to compile as well; one of the examples uses glob.
  const papers = ['README.md', 'docs/runtime-example.md']
  const examples = papers
    .map((paper) => fs.readFileSync(path.join(PROJECT, paper), 'utf8'))
    .flatMap((text) => [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code!))
  t.equal(examples.length, 3, 'examples of the papers')
  for (const [index, code] of examples.entries())
    fs.writeFileSync(path.join(consumer, `example-${index}.ts`), code)
  fs.symlinkSync(
    path.join(PROJECT, 'node_modules', 'glob'),
    path.join(consumer, 'node_modules', 'glob'),
  )
  const tsc = path.join(PROJECT, 'node_modules', 'typescript', 'bin', 'tsc')
  const types = path.join(PROJECT, 'node_modules', '@types')
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022']
  const checked = spawnSync(
    ...withoutLoader([
      process.execPath,
      tsc,
      ...flags,
      '--typeRoots',
      types,
      '--types',
      'node',
      'use.ts',
      ...examples.map((_, index) => `example-${index}.ts`),
    ]),
    { cwd: consumer, encoding: 'utf8' },
  )
  t.equal(checked.stderr, '')
  t.equal(checked.stdout, '')
  t.equal(checked.status, 0)
})
