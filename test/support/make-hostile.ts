// Writes the list of the hostile corpus, and with a directory as argument the corpus itself: each attack and its benign
// twin in every form, to be tried on any tool that loads images. The canaries of such a set lie in /canary.

import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { CORPUS } from './hostile/corpus.ts'
import { manifestOf } from './hostile/corpus-manifest.ts'
import { entrancesOf } from './hostile/wrap.ts'

const canaries = { dir: '/canary', up: `${'../'.repeat(40)}canary` }
const [directory] = process.argv.slice(2)

if (directory === undefined) {
  const file = fileURLToPath(new URL('../../../fixtures/hostile/hostile.json', import.meta.url))
  fs.writeFileSync(file, `${JSON.stringify(manifestOf(CORPUS), null, 2)}\n`)
} else {
  for (const hostile of CORPUS) {
    for (const which of ['build', 'twin'] as const) {
      const into = path.join(directory, hostile.id, which === 'build' ? 'hostile' : 'benign')
      fs.mkdirSync(into, { recursive: true })
      entrancesOf(hostile[which](canaries), into)
    }
  }
}
