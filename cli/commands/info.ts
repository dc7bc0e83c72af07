// info: the storage rows of `docker info`, and in which form the store is.

import type { Command } from 'commander'
import type { StoreInfo } from '../../src/index.ts'
import type { Context } from '../context.ts'
import { safeLines, safeText } from '../format/safe-text.ts'
import { humanSize } from '../format/units.ts'
import { jsonText } from '../output.ts'
import { declareVerb, examples } from '../verb.ts'

interface InfoOptions {
  readonly format?: string
}

const FORM: Readonly<Record<StoreInfo['form'], string>> = {
  trusted: 'trusted (owners and devices are on the disk, as docker has it)',
  user: 'user (owners and devices in user.containers.override_stat, whiteouts in user.overlay.*)',
  none: 'none (owners and devices only in tar-split, whiteouts as .wh. files)',
}

export function declareInfo(program: Command, context: Context): void {
  declareVerb(program, ['info', 'system info'], (command) => {
    command
      .summary('show what the store is and what this host can do for it')
      .description(
        'Show the storage rows of docker info: driver, backing filesystem, what the kernel can do here, and counts. Found out by trying, in a temporary directory below the root.',
      )
      .option('-f, --format <template>', 'a Go template, or json; fields as docker info has them')
      .action((options: InfoOptions) => printInfo(options, context))
    examples(command, [
      ['info', 'the rows'],
      ["info -f '{{.Driver}} {{.Images}}'", 'by template'],
    ])
  })
}

async function printInfo(options: InfoOptions, context: Context): Promise<void> {
  const { storeInfo } = await import('../../src/index.ts')
  // It says itself of a root that it is not there yet, and what it would be.
  const store = await context.openStore({ mayBeNew: true })
  const info = await storeInfo(store)
  const record = recordOf(info)
  if (context.json || options.format === 'json') {
    await context.stdout.write(context.json ? jsonText(record) : `${JSON.stringify(record)}\n`)
    return
  }
  if (options.format !== undefined) {
    const { compileTemplate } = await import('../template/template.ts')
    // As docker: a field that is not there is a mistake, and not `<no value>` in somebody's script.
    const text = compileTemplate(options.format).execute(record, { missingKey: 'error' })
    await context.stdout.write(`${safeLines(text)}\n`)
    return
  }
  await context.stdout.write(
    rowsOf(info)
      .map((row) => `${safeText(row)}\n`)
      .join(''),
  )
}

/** Docker's status rows, in its order. What is not known is left out: docker never guesses either. */
function driverStatus(info: StoreInfo): [string, string][] {
  const rows: [string, string][] = [['Backing Filesystem', info.backingFilesystem]]
  if (info.driver === 'vfs') return []
  const { probes } = info
  if (probes === undefined) return rows
  rows.push(['Supports d_type', String(probes.supportsDirectoryTypes)])
  if (probes.overlay === undefined) return rows
  const { overlay } = probes
  if (overlay.available) {
    rows.push(['Using metacopy', String(overlay.metacopy)])
    rows.push(['Native Overlay Diff', String(overlay.nativeDiff)])
  }
  rows.push(['userxattr', String(overlay.userxattr)])
  rows.push(['Kernel Mount', overlay.available ? 'true' : `false: ${overlay.reason ?? 'unknown'}`])
  return rows
}

/** Keys as in docker's API where it has them. */
function recordOf(info: StoreInfo): Record<string, unknown> {
  return {
    Containers: info.containers.total,
    ContainersRunning: info.containers.running,
    ContainersStopped: info.containers.total - info.containers.running,
    Images: info.images,
    Driver: info.driver,
    DriverStatus: driverStatus(info),
    DockerRootDir: info.root,
    RootExists: info.exists,
    Form: info.form,
    Names: info.names,
    Layers: info.layers,
    LayersBytes: info.layersBytes,
    Dockerd: info.dockerd ?? null,
    ProbesReason: info.probesReason ?? '',
  }
}

function rowsOf(info: StoreInfo): string[] {
  const { containers } = info
  return [
    `Containers: ${containers.total}`,
    ` Running: ${containers.running}`,
    ` Stopped: ${containers.total - containers.running}`,
    `Images: ${info.images}`,
    `Names: ${info.names}`,
    `Layers: ${info.layers} (${humanSize(info.layersBytes)})`,
    `Storage Driver: ${info.driver}`,
    ...driverStatus(info).map(([name, value]) => ` ${name}: ${value}`),
    ...(info.probesReason === undefined ? [] : [` Not probed: ${info.probesReason}`]),
    `Form: ${FORM[info.form]}`,
    ...(info.dockerd === undefined ? [] : [`Open in dockerd: ${dockerdText(info.dockerd)}`]),
    `Root Dir: ${info.root}${info.exists ? '' : ' (made by the first write)'}`,
  ]
}

function dockerdText(dockerd: { readonly pid?: number }): string {
  const process = dockerd.pid === undefined ? 'yes' : `process ${dockerd.pid}`
  return `${process}; shale reads, and writes only when it is stopped`
}
