// What an image says never reaches the terminal raw: an image that has control characters, escape sequences and
// overrides of the reading direction in every text that it can hold, and every verb that shows something of it.

import fs from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { buildImage, dockerArchive25, packed } from '../support/image.ts'
import { shaleInProcess } from '../support/in-process.ts'
import { file, layerTar, symlink } from '../support/layer.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** Sets the title, clears the screen, goes back to the line's start, overrides the direction. */
const EVIL = 'a\u001b]0;owned\u0007b\u001b[2Jc\rd\u009be\u202ef\u2066g\u007fh'

/** But for newline and tab, which lay tables out. */
// oxlint-disable-next-line no-control-regex
const RAW = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/

const name = Buffer.from(EVIL, 'utf8').toString('latin1')
const base = layerTar(
  file(`dir/${name}`, EVIL),
  symlink('link', name),
  file('dir/.wh.' + name, ''),
  file('setuid', 'x', { mode: 0o4755 }),
)
const image = buildImage([base, layerTar(file(`dir/${name}-2`, EVIL))], {
  author: EVIL,
  comment: EVIL,
  architecture: 'amd64',
  'os.version': EVIL,
  config: {
    Cmd: [EVIL],
    Entrypoint: [EVIL],
    Env: [`A=${EVIL}`, EVIL],
    Labels: { [EVIL]: EVIL },
    User: EVIL,
    WorkingDir: `/${EVIL}`,
    ExposedPorts: { [EVIL]: {} },
    Volumes: { [`/${EVIL}`]: {} },
    StopSignal: EVIL,
    Healthcheck: { Test: ['CMD-SHELL', EVIL] },
    OnBuild: [EVIL],
  },
  history: [
    { created: '2026-01-02T03:04:05Z', created_by: EVIL, comment: EVIL, author: EVIL },
    { created_by: EVIL, comment: EVIL },
  ],
})

t.test('every verb that shows something', async (t) => {
  const directory = temporaryDirectory(t)
  const root = path.join(directory, 'root')
  const archive = path.join(directory, 'evil.tar')
  fs.writeFileSync(archive, packed(dockerArchive25([{ image, tags: ['evil:1'] }])))
  const place = path.join(directory, 'place')
  fs.mkdirSync(place)
  const verbs: string[][] = [
    ['load', '-i', archive],
    ['images', '--no-trunc'],
    ['images', '--format', '{{json .}}'],
    ['images', '-f', `label=${EVIL}`],
    ['history', '--no-trunc', 'evil:1'],
    ['inspect', 'evil:1'],
    ['inspect', '-f', '{{.Author}} {{.Config.Cmd}} {{.Config.Labels}} {{.Comment}}', 'evil:1'],
    ['layers', 'evil:1'],
    ['tree'],
    ['ls', '-l', '-R', 'evil:1'],
    ['ls', '--layers', '-R', 'evil:1:/dir'],
    ['cat', `evil:1:/dir/none${EVIL}`],
    ['lint', 'evil:1'],
    ['lint', archive],
    ['explain', `/dir/${EVIL}`, 'evil:1'],
    ['explain', '--op', 'rm', `/dir/${EVIL}-2`, 'evil:1'],
    ['create', '--name', 'box', 'evil:1'],
    ['ps', '-a', '--no-trunc'],
    ['inspect', 'box'],
    ['diff', 'evil:1', 'evil:1'],
    ['diff', '--why', 'box'],
    ['mount', '--view', 'merge', 'evil:1', place],
    ['mount'],
    ['umount', place],
    ['cp', `box:/dir/${EVIL}`, place],
    ['tag', 'evil:1', EVIL],
    ['inspect', EVIL],
    ['system', 'df', '-v'],
    ['why', EVIL],
    ['why', 'evil:1'],
    ['info'],
    ['rm', 'box'],
    ['rmi', 'evil:1'],
  ]
  for (const args of verbs) {
    for (const json of [[], ['--json']]) {
      // What was removed or made by the first try is refused by the second, which has to be said safely too.
      const done = await shaleInProcess([...json, ...args], {
        root,
        terminal: { stdout: true, stderr: true },
      })
      const shown = args.join(' ').replace(EVIL, 'EVIL')
      const bare = [done.stdout, done.stderr].map((text) =>
        // Colours are the terminal's own.
        // oxlint-disable-next-line no-control-regex
        text.replace(/\u001b\[[0-9;]*[mKJA]|\r/g, ''),
      )
      t.notMatch(bare[0], RAW, `${shown}: stdout`)
      t.notMatch(bare[1], RAW, `${shown}: stderr`)
      if (json.length === 0 && args[0] !== 'lint' && !shown.includes('EVIL'))
        t.equal(done.code, 0, `${shown}: ${bare[1]}`)
    }
  }
})
