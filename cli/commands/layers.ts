// layers: the anatomy of an image, one row a layer, base first as in rootfs.diff_ids (so that row n is layer n of the
// chain arithmetic); --reverse puts the newest first, as history has it.

import type { Command } from 'commander'
import type { LayerRow } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { humanSize } from '../format/units.ts'
import { ellipsis } from '../format/width.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface LayersOptions {
  readonly paths?: boolean
  readonly reverse?: boolean
  readonly trunc: boolean
  readonly format?: string
}

export function declareLayers(program: Command, context: Context): void {
  declareVerb(program, ['layers', 'image layers'], (command) => {
    command
      .summary('show the layers of an image')
      .description(
        'Show the layers of an image, base first: who each is (diffID), what it is called in layerdb (chainID) and in the driver’s folder (cache-id), and what its tar holds.',
      )
      .argument('<image>', 'a name, or the start of an ID')
      .option('--paths', 'also show the directory with each layer’s files')
      .option('-r, --reverse', 'newest first')
      .option('--no-trunc', 'whole IDs and commands')
      .option(
        '--format <format>',
        "table, json, a Go template, or 'table TEMPLATE'; fields: .Number .DiffID .ChainID .CacheID .Size .Entries .TarSize .CreatedBy .Directory .Layerdb",
      )
      .action((name: string, options: LayersOptions) => printLayers(name, options, context))
    examples(command, [
      ['layers debian:12', 'one row a layer'],
      ['layers --paths app:1', 'and where its files are'],
      ["layers --no-trunc --format '{{.DiffID}}' app:1 | shale chainid", 'the arithmetic'],
    ])
  })
}

async function printLayers(name: string, options: LayersOptions, context: Context): Promise<void> {
  const { layerTable, shortID } = await import('../../src/index.ts')
  const store = await context.openStore()
  const rows = await layerTable(store, name, { signal: context.signal })
  if (options.reverse) rows.reverse()
  if (context.json) {
    await context.stdout.write(jsonText(rows))
    return
  }
  const { formatRows } = await import('../format/row-format.ts')
  const fields = rows.map((row) => fieldsOf(row, options.trunc, shortID))
  const last = options.paths ? '{{.Directory}}' : '{{.CreatedBy}}'
  const text = await formatRows(fields, options.format, {
    type: 'layer',
    headers: HEADERS,
    table: `{{.Number}}\t{{.DiffID}}\t{{.ChainID}}\t{{.CacheID}}\t{{.Size}}\t{{.Entries}}\t{{.TarSize}}\t${last}`,
  })
  await context.stdout.write(text)
}

const HEADERS = {
  Number: 'LAYER',
  DiffID: 'DIFF ID',
  ChainID: 'CHAIN ID',
  CacheID: 'CACHE ID',
  Size: 'SIZE',
  Entries: 'ENTRIES',
  TarSize: 'TAR SIZE',
  CreatedBy: 'CREATED BY',
  Directory: 'DIRECTORY',
  Layerdb: 'LAYERDB',
}

const CREATED_BY_COLUMNS = 45

function fieldsOf(
  row: LayerRow,
  trunc: boolean,
  shortID: (digest: LayerRow['diffID'] | LayerRow['chainID']) => string,
): Readonly<Record<keyof typeof HEADERS, string>> {
  const unknown = '-'
  const command = (row.createdBy ?? '').replaceAll('\t', ' ')
  return {
    Number: String(row.number),
    DiffID: trunc ? shortID(row.diffID) : row.diffID,
    ChainID: trunc ? shortID(row.chainID) : row.chainID,
    CacheID: trunc ? row.cacheID.slice(0, 12) : row.cacheID,
    Size: humanSize(row.sizeBytes),
    Entries: String(row.entries ?? unknown),
    TarSize: row.tarBytes === undefined ? unknown : humanSize(row.tarBytes),
    CreatedBy: trunc ? ellipsis(command, CREATED_BY_COLUMNS) : command,
    Directory: row.directory,
    Layerdb: row.layerdb,
  }
}
