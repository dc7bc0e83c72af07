// A reader who types a lesson's commands elsewhere gets what the lesson says: in a shell that the lab did not prepare, in
// an empty directory, with `shale` on the path and no store chosen.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Output, Step } from '../../src/lab/lesson.ts'
import { LESSONS } from '../../src/lab/lessons.ts'
import { MAIN, withoutLoader } from '../support/cli.ts'
import { isRoot, unless } from '../support/host.ts'
import { apart } from '../support/mount-namespace.ts'
import { overlaySkip } from '../support/layer-directory.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const needsMounts =
  unless({ root: true, programs: ['unshare', 'mount'] }) || (await overlaySkip()) || false

/** As the kernel's overlay leaves it. */
function expected({ output }: Step): Output {
  return typeof output === 'string' || output instanceof RegExp ? output : output.device
}

for (const { id, union, steps } of LESSONS) {
  t.test(id, { skip: union && needsMounts }, async (t) => {
    const dir = fs.realpathSync(temporaryDirectory(t))
    for (const name of ['bin', 'here', 'home']) fs.mkdirSync(path.join(dir, name))
    fs.writeFileSync(
      path.join(dir, 'bin/shale'),
      `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`,
      { mode: 0o755 },
    )
    const script = steps.map(({ run }) => `{ ${run}\n} 2>&1; echo "@@ $?"`).join('\n')
    const shell = isRoot ? apart(['sh', '-c', script]) : ['sh', '-c', script]
    const done = spawnSync(...withoutLoader(shell), {
      cwd: path.join(dir, 'here'),
      encoding: 'utf8',
      env: {
        PATH: `${dir}/bin:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
        HOME: path.join(dir, 'home'),
        LC_ALL: 'C.UTF-8',
        TZ: 'UTC',
        NODE_DISABLE_COMPILE_CACHE: '1',
      },
    })
    const answers = done.stdout.split(/@@ (\d+)\n/)
    for (const [index, step] of steps.entries()) {
      const text = (answers[index * 2] ?? '').replace(/\n$/, '')
      const wanted = expected(step)
      if (typeof wanted === 'string') t.equal(text, wanted, step.run)
      else t.match(text, wanted, step.run)
      t.equal(Number(answers[index * 2 + 1]), step.exitCode ?? 0, `exit code of ${step.run}`)
    }
    t.same(fs.readdirSync(path.join(dir, 'home')), [], 'and the reader’s own store is left alone')
  })
}
