// A program of its own: `node node-tar-unpack.js DIR LAYER...` unpacks each layer into DIR/0, DIR/1 and so on.

import path from 'node:path'
import { extract } from 'tar'

const [dir, ...files] = process.argv.slice(2)

for (const [i, file] of files.entries()) {
  // preservePaths off, owners on as root, which is what an unpacker of images would ask of it.
  await extract({ file, cwd: path.join(dir!, String(i)), preserveOwner: process.getuid?.() === 0 })
}
