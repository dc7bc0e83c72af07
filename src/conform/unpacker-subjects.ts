// Tools that turn an image into one directory: umoci, and any other that a command template can call.

import fs from 'node:fs'
import path from 'node:path'
import { InvalidArgumentError } from '../errors.ts'
import { findProgram, runProgram } from '../sys/run-program.ts'
import { SHAPE_TAG } from './shape-image.ts'
import { refusal, unavailable } from './subject.ts'
import type { ShapeFiles, SubjectGroup, SubjectOptions } from './subject.ts'
import { readTreeOf } from './tree.ts'

const PLACEHOLDER = /\{(archive|layout|rootfs)\}/g

/** @throws UnsupportedError ERR_HOST_UNSUPPORTED */
export async function umociSubject(options: SubjectOptions): Promise<SubjectGroup> {
  const program = findProgram('umoci', options.env)
  if (program === undefined) throw unavailable('umoci', 'there is no program umoci on PATH')
  const { signal, env } = options
  const limits = { env, ...(signal === undefined ? {} : { signal }) }
  const rootless = process.geteuid?.() === 0 ? [] : ['--rootless']
  const said = await runProgram(program, ['--version'], limits)
  const version = / version (\S+)/.exec(String(said.stdout))?.[1]
  return {
    subjects: [
      {
        name: 'umoci',
        ...(version === undefined ? {} : { version }),
        isShale: false,
        run: async ({ layout }) => {
          const bundle = path.join(fs.mkdtempSync(path.join(options.work, 'umoci-')), 'bundle')
          const args = ['unpack', ...rootless, '--image', `${layout}:${SHAPE_TAG}`, bundle]
          const unpacked = await runProgram(program, args, limits)
          if (unpacked.code !== 0) return refusal(unpacked.stderr)
          return { kind: 'tree', tree: readTreeOf(path.join(bundle, 'rootfs')) }
        },
      },
    ],
    unavailable: [],
    close: async () => {},
  }
}

/**
 * @param template a line for /bin/sh in which {archive} is a docker-archive, {layout} an OCI layout directory with the
 * tag `latest`, and {rootfs} the empty directory to be filled; a failing exit code means "refused"
 * @throws InvalidArgumentError ERR_OPTION
 */
export async function commandSubject(
  template: string,
  options: SubjectOptions,
): Promise<SubjectGroup> {
  checkTemplate(template)
  const { signal, env } = options
  return {
    subjects: [
      {
        name: commandName(template),
        isShale: false,
        run: async (files) => {
          const rootfs = fs.mkdtempSync(path.join(options.work, 'rootfs-'))
          const done = await runProgram('/bin/sh', ['-c', filled(template, files, rootfs)], {
            env,
            cwd: options.work,
            ...(signal === undefined ? {} : { signal }),
          })
          if (done.code !== 0) return refusal(done.stderr || `exit code ${done.code}`)
          return { kind: 'tree', tree: readTreeOf(rootfs) }
        },
      },
    ],
    unavailable: [],
    close: async () => {},
  }
}

function checkTemplate(template: string): void {
  const used = new Set([...template.matchAll(PLACEHOLDER)].map(([, name]) => name))
  const missing = !used.has('rootfs')
    ? 'it has no {rootfs}, the directory that it is to fill'
    : !used.has('archive') && !used.has('layout')
      ? 'it has neither {archive} nor {layout}, the image that it is to read'
      : undefined
  if (missing === undefined) return
  throw new InvalidArgumentError(
    'ERR_OPTION',
    `cannot try ${JSON.stringify(template)}: ${missing}; known tools are docker, containerd, podman, umoci and skopeo`,
    { details: { tool: template } },
  )
}

function filled(template: string, files: ShapeFiles, rootfs: string): string {
  const values: Readonly<Record<string, string>> = {
    archive: files.archive,
    layout: files.layout,
    rootfs,
  }
  return template.replace(PLACEHOLDER, (_all, name: string) => shellWord(values[name]!))
}

/** Left bare where that is safe, so that a template may have placeholders inside quotes of its own. */
function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}

/** `./unpack`, without arguments and folders. */
function commandName(template: string): string {
  const [word = template] = template.trim().split(/\s+/)
  return path.basename(word)
}
