// A second process that swaps directories for symlinks to a canary and back, for as long as its standard input is open:
// `node swapper.js CANARY DIRECTORY...`. Looks for directories named `swap...` anywhere below, and never follows a link.
// Says `ready`, then `swapped` at the first one; at the end all are directories again, and it prints how many there were.

import fs from 'node:fs'
import path from 'node:path'
import { setImmediate } from 'node:timers/promises'

const [, , canary, ...tops] = process.argv
const DEPTH_MAX = 12

let swaps = 0
let isOver = false
process.stdin.resume().on('end', () => (isOver = true))

function visit(directory: string, depth: number): void {
  let entries: fs.Dirent[]
  try {
    entries = fs.readdirSync(directory, { withFileTypes: true })
  } catch {
    return // gone, or a link by now
  }
  for (const entry of entries) {
    if (!entry.isDirectory() || depth >= DEPTH_MAX) continue
    const place = path.join(directory, entry.name)
    if (entry.name.startsWith('swap')) swap(place)
    visit(place, depth + 1)
  }
}

function swap(place: string): void {
  const away = path.join(path.dirname(place), `away-${path.basename(place)}`)
  try {
    fs.renameSync(place, away)
  } catch {
    return
  }
  try {
    fs.symlinkSync(canary!, place)
    if (swaps++ === 0) process.stdout.write('swapped\n')
    // Long enough for somebody else to come by.
    for (let i = 0; i < 20; i++) fs.lstatSync(place)
    fs.unlinkSync(place)
  } catch {
    // The one whose directory it was made it anew.
  }
  try {
    fs.renameSync(away, place)
  } catch {
    // Likewise, and put something into it.
  }
}

process.stdout.write('ready\n')
while (!isOver) {
  for (const top of tops) visit(top, 0)
  await setImmediate()
}
console.log(swaps)
