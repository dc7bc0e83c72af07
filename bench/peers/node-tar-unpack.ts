// A program of its own: `node node-tar-unpack.js DIR LAYER...` unpacks each layer into DIR/0, DIR/1 and so on.

import path from 'node:path'
import { extract } from 'tar'

const [dir, ...files] = process.argv.slice(2)

for (const [i, file] of files.entries()) {
  // As an unpacker of images would ask of it: links as they stand, owners and modes as the archive has them.
  await extract({
    file,
    cwd: path.join(dir!, String(i)),
    preservePaths: true,
    preserveOwner: process.getuid?.() === 0,
    processUmask: 0,
  })
}
