// The listings that docker has too: names, headings and default columns of `images` and `history`.
// Knows no image: the verbs make the rows, with every field that is named here.

import type { Listing } from './row-format.ts'

const IMAGE_HEADERS = {
  ID: 'IMAGE ID',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Digest: 'DIGEST',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  Size: 'SIZE',
  Containers: 'CONTAINERS',
  VirtualSize: 'SIZE',
  SharedSize: 'SHARED SIZE',
  UniqueSize: 'UNIQUE SIZE',
}

export function imageListing(options: { digests: boolean }): Listing {
  const digest = options.digests ? '{{.Digest}}\t' : ''
  return {
    type: 'formatter.imageContext',
    headers: IMAGE_HEADERS,
    table: `{{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
    // An image without a time of creation has no age.
    whenEmpty: { CreatedSince: 'N/A' },
  }
}

/** With --digests a table of one's own gets the digest as its last column, unless it has it. */
export function imageFormat(
  format: string | undefined,
  options: { digests: boolean },
): string | undefined {
  const isOwnTable = format !== undefined && format.startsWith('table') && format !== 'table'
  if (!isOwnTable || !options.digests || format.includes('{{.Digest}}')) return format
  return `${format}\t{{.Digest}}`
}

/** @param options.human false for --human=false: times and bytes in full */
export function historyListing(options: { human: boolean }): Listing {
  const created = options.human ? '{{.CreatedSince}}' : '{{.CreatedAt}}'
  return {
    type: 'image.historyContext',
    headers: {
      ID: 'IMAGE',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      CreatedBy: 'CREATED BY',
      Size: 'SIZE',
      Comment: 'COMMENT',
    },
    table: `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
  }
}
