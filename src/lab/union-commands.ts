// The few commands of the lessons that name something in M, done by shale's own union: for a host on which neither the
// kernel nor FUSE lets this user mount. Reads one simple command (words, quotes, `>` and `>>`), answers as coreutils do.
// Knows UnionFs; every command that does not name M is a real shell's.

import type { UnionFs } from '../unionfs/union-fs.ts'
import type { ShellAnswer } from '../sys/shell-session.ts'

/** Whether that command can only be meant for the merged directory. */
export function namesMerged(command: string): boolean {
  return /(^|[\s"'>])M(\/|["'\s]|$)/.test(command)
}

const MESSAGES: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  EXDEV: 'Invalid cross-device link',
  ENOTEMPTY: 'Directory not empty',
  EEXIST: 'File exists',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EROFS: 'Read-only file system',
}

type Command = (union: UnionFs, args: readonly string[]) => Promise<string>

const COMMANDS: Readonly<Record<string, Command>> = {
  cat: async (union, args) => {
    const texts = await Promise.all(args.map((file) => union.readFile(inside(file), 'utf8')))
    return texts.join('')
  },
  ls: async (union, args) => {
    const out: string[] = []
    for (const place of args.filter((arg) => !arg.startsWith('-'))) {
      out.push(...(await union.readdir(inside(place))).filter((name) => !name.startsWith('.')))
    }
    return out.map((name) => `${name}\n`).join('')
  },
  echo: async (_union, args) => `${args.join(' ')}\n`,
  rm: async (union, args) => {
    const recursive = args.includes('-r')
    for (const file of args) if (file !== '-r') await union.rm(inside(file), { recursive })
    return ''
  },
  rmdir: async (union, args) => {
    for (const place of args) await union.rmdir(inside(place))
    return ''
  },
  ln: async (union, [from, to]) => {
    await union.link(inside(from!), inside(to!))
    return ''
  },
  mkdir: async (union, args) => {
    for (const place of args) await union.mkdir(inside(place))
    return ''
  },
  chmod: async (union, [mode, ...files]) => {
    for (const file of files) await union.chmod(inside(file), parseInt(mode!, 8))
    return ''
  },
  mv: async (union, [from, to]) => {
    try {
      await union.rename(inside(from!), inside(to!))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
      await union.cp(inside(from!), inside(to!), { recursive: true })
      await union.rm(inside(from!), { recursive: true })
    }
    return ''
  },
  stat: async (union, args) => {
    const [format, ...files] = args.filter((arg) => arg !== '-c')
    const lines: string[] = []
    for (const file of files) {
      const { ino, nlink, mode } = await union.lstat(inside(file))
      lines.push(
        format!
          .replaceAll('%n', file)
          .replaceAll('%i', String(ino))
          .replaceAll('%h', String(nlink))
          .replaceAll('%a', (mode & 0o7777).toString(8)),
      )
    }
    return lines.map((line) => `${line}\n`).join('')
  },
  /** rename(2) by itself, without mv's fallback. */
  perl: async (union, [, script]) => {
    const [, from, to] = /^rename "([^"]+)", "([^"]+)" or print "\$!\\n"$/.exec(script ?? '') ?? []
    try {
      await union.rename(inside(from!), inside(to!))
      return ''
    } catch (error) {
      return `${MESSAGES[(error as NodeJS.ErrnoException).code ?? ''] ?? String(error)}\n`
    }
  },
}

function inside(file: string): string {
  return file === 'M' ? '/' : file.slice(1)
}

export async function runInUnion(union: UnionFs, command: string): Promise<ShellAnswer> {
  const words = wordsOf(command)
  const at = words.findIndex((word) => word === '>' || word === '>>')
  const [name, ...args] = at < 0 ? words : words.slice(0, at)
  const known = COMMANDS[name!]
  if (known === undefined) return { output: `${name}: not found\n`, code: 127 }
  try {
    const said = await known(union, args)
    if (at < 0) return { output: said, code: 0 }
    const file = inside(words[at + 1]!)
    if (words[at] === '>') await union.writeFile(file, said)
    else await union.appendFile(file, said)
    return { output: '', code: 0 }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    if (MESSAGES[code] === undefined) throw error
    const place = args.find((arg) => arg.startsWith('M')) ?? words[at + 1] ?? 'M'
    return { output: `${name}: ${place}: ${MESSAGES[code]}\n`, code: 1 }
  }
}

function wordsOf(command: string): string[] {
  const words = command.match(/'[^']*'|"[^"]*"|[^\s]+/g) ?? []
  return words.map((word) => (/^['"]/.test(word) ? word.slice(1, -1) : word))
}
