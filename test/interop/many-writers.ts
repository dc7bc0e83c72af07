// Eight processes load, import, tag, create, commit, remove and prune in one root at random, and others read. What each
// is told is an answer and no crash; afterwards everything that must be true of a store is, and a dockerd opens it.

import { spawn } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { problemsOf } from '../support/any-moment/state.ts'
import { verbsIn } from '../support/any-moment/verbs.ts'
import { cleanEnvironment, MAIN, shaleOk } from '../support/cli.ts'
import { DOCKER_PROGRAMS, startDockerd } from '../support/dockerd.ts'
import { unless } from '../support/host.ts'
import { memoryDirectory } from '../support/temporary.ts'

const SECONDS = Number(process.env['SHALE_SECONDS'] ?? 20)
const WRITERS = 8
/** 1: it cannot be done as things are (a name is gone or taken). 11: waited too long for the others. */
const ANSWERS = [0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11]

const skip = unless({ interop: true })

t.test('eight writers and two readers', { skip }, async (t) => {
  const directory = memoryDirectory(t)
  const { before: root, verbs } = verbsIn(directory)
  const tags = ['app:1', 'app:2', 'new:1', 'other:1', 'imported:1', 'committed:1']
  const any = <T>(of: readonly T[]): T => of[Math.floor(Math.random() * of.length)]!
  const argsOf = (name: string): readonly string[] => verbs.find((verb) => verb.name === name)!.args
  const archives = fs.readdirSync(directory).filter((name) => name.endsWith('-1.tar'))
  const writes: (() => readonly string[])[] = [
    () => ['load', '-q', '-i', path.join(directory, any(archives))],
    () => argsOf('import'),
    () => ['tag', any(tags), any(tags)],
    () => ['create', any(tags), 'true'],
    () => ['commit', any(['box', 'old']), 'committed:1'],
    () => ['rmi', any(tags)],
    () => ['rm', any(['old', 'box'])],
    () => ['image', 'prune', '-f'],
    () => ['container', 'prune', '-f'],
    () => ['create', '--name', any(['box', 'old']), any(tags), 'true'],
  ]
  const reads: (() => readonly string[])[] = [
    () => ['images', '-a'],
    () => ['ps', '-a', '-s'],
    () => ['system', 'df', '-v'],
    () => ['layers', any(tags)],
    () => ['ls', '-R', any(tags)],
  ]
  const problems: string[] = []
  let count = 0
  const deadline = Date.now() + SECONDS * 1000
  const loop = async (of: readonly (() => readonly string[])[]): Promise<void> => {
    while (Date.now() < deadline) {
      const args = any(of)()
      const { code, stderr } = await runOnce(root, args)
      count++
      if (code === null || !ANSWERS.includes(code) || /^\s+at .+:\d+:\d+/m.test(stderr))
        problems.push(`${args.join(' ')} ended with ${code}: ${stderr}`)
    }
  }
  await Promise.all([
    ...Array.from({ length: WRITERS }, () => loop(writes)),
    loop(reads),
    loop(reads),
  ])
  t.same(problems, [])
  t.comment(`${count} runs`)

  shaleOk(['--root', root, 'image', 'prune', '-f'])
  t.same(problemsOf(root), [], 'what must be true')
  const names = shaleOk(['--root', root, 'images', '--format', '{{.Repository}}:{{.Tag}}'])
    .split('\n')
    .filter((name) => name !== '' && !name.includes('<none>'))
  for (const name of names) {
    // save holds each layer's bytes against its diffID.
    shaleOk(['--root', root, 'save', '-o', path.join(directory, 'out.tar'), name])
  }
  await t.test(
    'and a dockerd opens it',
    { skip: unless({ root: true, programs: DOCKER_PROGRAMS }) },
    async (t) => {
      await using dockerd = await startDockerd(root)
      const seen = dockerd.docker('images', '--format', '{{.Repository}}:{{.Tag}}').split('\n')
      t.same(seen.filter((name) => name !== '' && !name.includes('<none>')).sort(), names.sort())
      for (const name of names) dockerd.docker('inspect', name)
    },
  )
})

function runOnce(
  root: string,
  args: readonly string[],
): Promise<{ code: number | null; stderr: string }> {
  return new Promise((resolve, reject) => {
    const all = [MAIN, '--root', root, '--lock-timeout', '30', ...args]
    const child = spawn(process.execPath, all, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stderr }))
  })
}
