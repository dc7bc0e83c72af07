// The shapes as files for anybody's test suite: each as a docker-archive and as an OCI layout, expected.json with what
// they must give, and a README that says how to use them. Same bytes every time.

import fs from 'node:fs'
import path from 'node:path'
import { ConflictError } from '../errors.ts'
import { shapeImage, shapeName } from './shape-image.ts'
import { SHAPES } from './shapes.ts'

/** The documents alone, by name: what a project that builds its own archives wants. */
export function shapeDocuments(): ReadonlyMap<string, string> {
  const shapes = SHAPES.map((shape) => ({
    number: shape.number,
    id: shape.id,
    title: shape.title,
    decided: shape.decided,
    rule: shape.rule,
    merge: shape.merge,
    image: shapeImage(shape).name,
    dockerArchive: `docker-archive/${shapeName(shape)}.tar`,
    ociLayout: `oci-layout/${shapeName(shape)}`,
    layers: shape.layers,
    expected: shape.expected,
  }))
  return new Map([
    ['expected.json', `${JSON.stringify({ version: 1, shapes }, undefined, 2)}\n`],
    ['README.md', README],
  ])
}

/**
 * @param directory made; must be absent or empty
 * @returns how many shapes were written
 * @throws ConflictError ERR_DESTINATION_EXISTS
 */
export function shipShapes(directory: string): number {
  fs.mkdirSync(directory, { recursive: true })
  if (fs.readdirSync(directory).length > 0) {
    throw new ConflictError(
      'ERR_DESTINATION_EXISTS',
      `cannot write the shapes to ${directory}: the directory is not empty`,
      { details: { path: directory } },
    )
  }
  const write = (name: string, content: string | Uint8Array): void => {
    const file = path.join(directory, name)
    fs.mkdirSync(path.dirname(file), { recursive: true })
    fs.writeFileSync(file, content)
  }
  for (const [name, text] of shapeDocuments()) write(name, text)
  for (const shape of SHAPES) {
    const { dockerArchive, ociLayout } = shapeImage(shape)
    write(`docker-archive/${shapeName(shape)}.tar`, dockerArchive)
    for (const [name, bytes] of ociLayout) write(`oci-layout/${shapeName(shape)}/${name}`, bytes)
  }
  return SHAPES.length
}

const README = `# Layer shapes

Tiny container images, each of which shows one thing that an unpacker of image layers can get wrong: whiteouts and
opaque markers in every order, directories that become files, links, names that are not allowed.
\`shale conform --out DIR\` writes all of it; the bytes are the same every time, and free to be vendored (MIT).

- \`docker-archive/NN-id.tar\`: for \`docker load\`, \`podman load\`, \`ctr images import\`
- \`oci-layout/NN-id/\`: an OCI layout directory with the tag \`latest\`
- \`expected.json\`: what is in each layer, entry by entry, and the tree that it must give

\`expected.json\` is \`{ version, shapes: [...] }\`. Of each shape:

| field | |
|---|---|
| \`number\`, \`id\`, \`title\`, \`merge\` | what it is, for people |
| \`decided\` | true: the OCI image-spec decides it. false: it does not, tools differ, and \`expected\` is what shale does |
| \`rule\` | where the image-spec speaks of it |
| \`image\`, \`dockerArchive\`, \`ociLayout\` | the name in the archive, and where the files are |
| \`layers\` | base first, the tar's entries in their order |
| \`expected\` | \`"error"\`, where the image must be refused; else path to \`{ type, content?, target? }\` for everything but the root |

A test unpacks or mounts the image, lists it, and compares names, types, contents of files and targets of links. Leave
out what the engine adds to every container (\`dev\`, \`etc\`, \`proc\`, \`run\`, \`sys\`, \`.dockerenv\`): no shape uses
those names. Look every listed name up: an entry that is listed and cannot be looked up is a mistake as well.
`
