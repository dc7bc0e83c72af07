// The other readers: Python's tarfile and libarchive in one process that reads many tars from a pipe, and GNU tar, a
// process for each archive but many of them to a shell.

import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { PROJECT } from '../cli.ts'
import { findProgram } from '../host.ts'
import { memberText, type Listing } from './members.ts'

export type ReaderName = 'tarfile' | 'libarchive' | 'gnutar'

type Listed = readonly [type: string, name: string, link: string, sizeBytes: number][]

/** What of this host's programs read: false, or why not. */
export function pythonIsMissing(): string | false {
  const python = findProgram('python3')
  if (python === undefined) return 'no python3 here'
  const done = spawnSync(python, ['-c', 'import tarfile, ctypes, json'])
  return done.status === 0 ? false : 'python3 here has no tarfile or ctypes'
}

export function gnuTarIsMissing(): string | false {
  const program = findProgram('tar')
  const version = program && spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout
  return version?.includes('GNU tar') ? false : 'no GNU tar here'
}

/** By Python, in order; a reader that is not there answers for none. */
export async function listByPython(
  tars: readonly Buffer[],
): Promise<Partial<Record<ReaderName, Listing>>[]> {
  const script = path.join(PROJECT, 'test/support/differential/read-tars.py')
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' }
  const child = spawn(findProgram('python3')!, [script], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  for (const tar of tars) {
    const head = Buffer.alloc(4)
    head.writeUInt32LE(tar.length)
    child.stdin.write(head)
    if (!child.stdin.write(tar)) await new Promise((resolve) => child.stdin.once('drain', resolve))
  }
  child.stdin.end()
  const code = await closed
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1)
  if (code !== 0 || lines.length !== tars.length) {
    throw new Error(`Python ended with ${code} after ${lines.length} of ${tars.length} archives`)
  }
  return lines.map((line) => {
    const answer = JSON.parse(line) as Partial<Record<ReaderName, Listed | null>>
    return Object.fromEntries(
      Object.entries(answer).map(([reader, listed]) => [
        reader,
        listed?.map((member) => memberText(...member)),
      ]),
    )
  })
}

const TYPES: Readonly<Record<string, string>> = {
  '-': 'file',
  C: 'file',
  h: 'hardlink',
  l: 'symlink',
  c: 'char',
  b: 'block',
  d: 'directory',
  p: 'fifo',
}

/** @param work an existing directory for the archives, and what is said of them */
export function listByGnuTar(tars: readonly Buffer[], work: string): Listing[] {
  const script =
    'for f in *.tar; do tar -tvf $f --quoting-style=escape --full-time --numeric-owner >$f.out 2>$f.err; echo $? >$f.code; done'
  tars.forEach((tar, i) => fs.writeFileSync(path.join(work, `${i}.tar`), tar))
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC', TAR_OPTIONS: '' }
  const done = spawnSync('sh', ['-c', script], { cwd: work, env })
  if (done.status !== 0) throw new Error(String(done.stderr))
  return tars.map((_, i) => {
    const file = path.join(work, `${i}.tar`)
    const read = (kind: string): string => fs.readFileSync(`${file}.${kind}`, 'latin1')
    const code = read('code').trim()
    const listing = code === '0' ? read('out').split('\n').slice(0, -1).map(gnuMember) : undefined
    for (const name of [file, `${file}.out`, `${file}.err`, `${file}.code`]) fs.unlinkSync(name)
    return listing
  })
}

/** `-rw-r--r-- 0/0   6 2021-01-14 08:25:36 name`; a time beyond the calendar is one number. */
const GNU_LINE =
  /^(.)\S{9}\S? +-?\d+\/-?\d+ +(\d+|\d+,\d+) +(?:-?\d+-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?|-?\d+(?:\.\d+)?) (.*)$/s

function gnuMember(line: string): string {
  const found = GNU_LINE.exec(line)
  if (found === null) return `unread ${line}`
  const [, letter = '', size = '', rest = ''] = found
  const type = TYPES[letter] ?? `type ${letter}`
  const arrow = type === 'symlink' ? ' -> ' : type === 'hardlink' ? ' link to ' : undefined
  const at = arrow === undefined ? -1 : rest.indexOf(arrow)
  const name = unescaped(at < 0 ? rest : rest.slice(0, at))
  const link = at < 0 ? '' : unescaped(rest.slice(at + arrow!.length))
  return memberText(type, name, link, Number(size))
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3}|.)/gs, (_all, code: string) =>
    code.length === 3 ? String.fromCharCode(Number.parseInt(code, 8)) : (ESCAPES[code] ?? code),
  )
}
