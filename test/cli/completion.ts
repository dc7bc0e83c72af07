// The scripts are run by the shells they are for, where those are installed.

import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { MAIN } from '../support/cli.ts'
import { unless } from '../support/host.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { fixtureStore } from '../support/store-fixture.ts'

async function script(shell: string): Promise<string> {
  const { code, stdout } = await shaleInProcess(['completion', shell], { root: '/nowhere' })
  if (code !== 0) throw new Error(`completion ${shell} ended with ${code}`)
  return stdout
}

t.test('there are three', async (t) => {
  t.equal((await shaleInProcess(['completion', 'tcsh'], { root: '/nowhere' })).code, 2)
  t.equal((await shaleInProcess(['completion'], { root: '/nowhere' })).code, 2)
  for (const shell of ['bash', 'zsh', 'fish']) {
    const text = await script(shell)
    t.match(text, new RegExp(`^(#compdef shale\n)?# ${shell} completion for shale`))
    for (const word of ['images', 'chainid', 'no-trunc', 'docker-archive']) {
      t.match(text, word, `${shell} knows ${word}`)
    }
  }
})

t.test('bash', { skip: unless({ programs: ['bash'] }) }, async (t) => {
  const { root } = await fixtureStore(t)
  const dir = t.testdir()
  const file = path.join(dir, 'shale.bash')
  fs.writeFileSync(file, await script('bash'))
  execFileSync('bash', ['-n', file])
  fs.writeFileSync(
    path.join(dir, 'shale'),
    `#!/bin/sh\nexec "${process.execPath}" "${MAIN}" "$@"\n`,
    {
      mode: 0o755,
    },
  )
  const complete = (...words: string[]): string[] => {
    const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _shale; printf '%s\\n' "\${COMPREPLY[@]}"`
    const done = spawnSync('bash', ['--norc', '-c', program, 'bash', file, ...words], {
      env: { PATH: `${dir}:${process.env['PATH']}`, SHALE_ROOT: root },
      encoding: 'utf8',
    })
    t.equal(done.stderr, '')
    return done.stdout.split('\n').filter((line) => line !== '')
  }
  t.same(complete('shale', 'imp'), ['import'])
  t.same(complete('shale', 'image', 'r'), ['rm', 'remove'])
  t.same(complete('shale', 'layers', '--pa'), ['--paths'])
  t.same(complete('shale', '--driver', ''), ['overlay2', 'vfs'])
  t.same(complete('shale', 'images', '--log-level', 'd'), ['debug'])
  t.same(complete('shale', 'completion', 'z'), ['zsh'])
  t.same(complete('shale', 'layers', 'app'), ['app:1', 'app:latest'])
  t.same(complete('shale', 'rmi', '-f', 'base'), ['base:1'], '-f takes a value elsewhere')
  t.same(complete('shale', '--root', `${root}/none`, 'layers', 'app'), [], 'asks the root named')
})

t.test('zsh', { skip: unless({ programs: ['zsh'] }) }, async (t) => {
  const file = path.join(t.testdir(), '_shale')
  fs.writeFileSync(file, await script('zsh'))
  const done = spawnSync('zsh', ['-n', file], { encoding: 'utf8' })
  t.equal(done.stderr, '')
  t.equal(done.status, 0)
})

t.test('fish', { skip: unless({ programs: ['fish'] }) }, async (t) => {
  const dir = t.testdir()
  const file = path.join(dir, 'shale.fish')
  fs.writeFileSync(file, await script('fish'))
  const run = (line: string): string[] =>
    execFileSync('fish', ['--no-config', '-c', `source "${file}"; complete -C "${line}"`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: dir },
    })
      .split('\n')
      .map((text) => text.split('\t')[0]!)
      .filter((text) => text !== '')
  t.same(run('shale imp'), ['import'])
  t.same(run('shale image in'), ['inspect'])
  t.same(run('shale --driver v'), ['vfs'])
  t.ok(run('shale layers --').includes('--paths'))
})
