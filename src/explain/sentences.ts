// The words of an explanation, in English and in Chinese: one sentence for each thing that a record can say.
// Knows the records; knows no colour and no layout.

import type { ExplainedChange, ExplainedSight, ExplainedStep, Explanation } from './explain.ts'
import type { RefusalReason } from './predict.ts'
import type { Holding } from './trace.ts'

export type Language = 'en' | 'zh'
export const LANGUAGES: readonly Language[] = ['en', 'zh']

type Bilingual = Readonly<Record<Language, string>>

const HOLDINGS: Readonly<Record<Holding, Bilingual>> = {
  nothing: { en: 'nothing', zh: '没有' },
  whiteout: { en: 'whiteout', zh: 'whiteout（删除标记）' },
  file: { en: 'file', zh: '文件' },
  directory: { en: 'directory', zh: '目录' },
  symlink: { en: 'symlink', zh: '符号链接' },
  char: { en: 'character device', zh: '字符设备' },
  block: { en: 'block device', zh: '块设备' },
  fifo: { en: 'FIFO', zh: '命名管道' },
  socket: { en: 'socket', zh: '套接字' },
}

/** What a layer has under the name: `opaque directory`. */
export function holdingText(holds: Holding, opaque: boolean, language: Language): string {
  const text = HOLDINGS[holds][language]
  if (!opaque) return text
  return language === 'en' ? `opaque ${text}` : `opaque（不透明）${text}`
}

/** Why the search goes on or ends in this layer. */
export function sightText(
  explanation: Explanation,
  step: ExplainedStep,
  sight: ExplainedSight,
  language: Language,
): string {
  const isDirectory = sight.holds === 'directory'
  const text = (en: string, zh: string): string => (language === 'en' ? en : zh)
  switch (sight.verdict) {
    case 'goes-on':
      return text('says nothing of it: the next layer is asked', '这一层没有这个名字，继续往下找')
    case 'decides':
      if (!isDirectory)
        return text('the topmost that has it: the search ends', '最上面的一个说了算，查找结束')
      return sight.opaque
        ? text(
            'its owner and mode count, and it hides all below: the merge ends',
            '属主和权限以它为准；它是 opaque，下面的层一概不看，合并到此为止',
          )
        : text(
            'its owner and mode count; directories below are merged in',
            '属主和权限以它为准，下面各层的同名目录并进来',
          )
    case 'joins':
      return sight.opaque
        ? text(
            'merged in, and it hides all below: the merge ends',
            '并进来；它是 opaque，合并到此为止',
          )
        : text('merged in', '并进来')
    case 'removes':
      return text(
        'removed here: the search ends with no such file',
        '在这一层被删除，查找结束，文件不存在',
      )
    case 'ends':
      return sight.holds === 'whiteout'
        ? text('what lies below was removed: the merge ends', '再往下的内容已被删除，合并到此为止')
        : text('no directory: the merge ends', '不是目录，合并到此为止')
    case 'not-asked':
      return hiddenText(explanation, step, sight, language)
  }
}

function hiddenText(
  { layers }: Explanation,
  step: ExplainedStep,
  { hidden }: ExplainedSight,
  language: Language,
): string {
  if (hidden === undefined) throw new Error('a layer that is not asked has a reason')
  const layer = layerText(layers[hidden.layer]!.label, language)
  const place = hidden.path === step.path ? '' : ` ${hidden.path}`
  const en: Readonly<Record<string, string>> = {
    opaque: `hidden:${place || ' it'} is opaque in ${layer}`,
    whiteout: `hidden:${place || ' it'} is removed in ${layer}`,
    file: `hidden:${place || ' it'} is no directory in ${layer}`,
    found: `not asked: found in ${layer}`,
    'no-directory': `not asked: it has no directory${place}`,
  }
  const zh: Readonly<Record<string, string>> = {
    opaque: `被遮住：${layer}里的${place === '' ? '这个' : `${place} `}目录是 opaque`,
    whiteout: `被遮住：${layer}删除了${place || '它'}`,
    file: `被遮住：${layer}里的${place === '' ? '它' : `${place} `}不是目录`,
    found: `不再查：${layer}里已经找到`,
    'no-directory': `不查：这一层没有${place} 目录`,
  }
  return (language === 'en' ? en : zh)[hidden.by]!
}

function layerText(label: string, language: Language): string {
  if (!/^\d+$/.test(label)) return language === 'zh' ? `${label} ` : label
  return language === 'en' ? `layer ${label}` : `第 ${label} 层`
}

/** Chinese text puts a space before a name in other letters, and none before its own. */
function spaced(name: string): string {
  return /^[\x21-\x7e]/.test(name) ? ` ${name}` : name
}

/** What the name means, in one line. */
export function endText({ end, layers }: Explanation, language: Language): string {
  const { path: at, errno, layer, is } = end
  if (errno !== undefined) {
    const why = FAILURES[errno]![language]
    return language === 'en' ? `${at}: ${errno}, ${why}` : `${at}：${errno}，${why}`
  }
  const from = layer === undefined ? '' : layerText(layers[layer]!.label, language)
  if (language === 'en') return `${at} is the ${HOLDINGS[is].en} of ${from}`
  return `${at} 是${spaced(from)}里的${HOLDINGS[is].zh}`
}

const FAILURES: Readonly<Record<string, Bilingual>> = {
  ENOENT: { en: 'there is no such file', zh: '没有这个文件' },
  ENOTDIR: { en: 'it is not a directory', zh: '它不是目录' },
  ELOOP: { en: 'too many symbolic links', zh: '符号链接层数太多' },
}

const REFUSALS: Readonly<Record<RefusalReason, Bilingual>> = {
  'no-such-name': { en: 'there is no such file', zh: '没有这个文件' },
  'not-a-directory': { en: 'it is not a directory', zh: '它不是目录' },
  'too-many-links': { en: 'too many symbolic links', zh: '符号链接层数太多' },
  'is-a-directory': { en: 'it is a directory', zh: '它是目录' },
  exists: { en: 'it is there already', zh: '它已经存在' },
  'is-root': { en: 'it is the root of the tree', zh: '它是整棵树的根' },
  'lower-directory': {
    en: 'a part of this directory lies in a lower layer, and a directory is not copied up with its content; mv(1) then copies it file by file and removes the old one',
    zh: '这个目录有一部分在下层，而目录的内容不会整个复制上来；mv(1) 遇到这个错误会改为逐个复制，再删掉旧目录',
  },
  'not-empty': { en: 'that directory is not empty', zh: '那个目录不是空的' },
  'trailing-slash': {
    en: 'a path that ends in a slash can only mean a directory itself',
    zh: '以斜杠结尾的路径只能指目录本身',
  },
  'no-entry': {
    en: 'a path that ends in . or .. is no name in a directory',
    zh: '以 . 或 .. 结尾的路径不是目录里的名字',
  },
  'into-itself': { en: 'a directory cannot move into itself', zh: '目录不能移到它自己里面' },
}

/** Why an operation fails, with its errno. */
export function refusalText(
  refusal: { readonly errno: string; readonly reason: string; readonly path: string },
  language: Language,
): string {
  const why = REFUSALS[refusal.reason as RefusalReason][language]
  return language === 'en'
    ? `refused with ${refusal.errno}: ${refusal.path}: ${why}`
    : `失败，${refusal.errno}：${refusal.path}：${why}`
}

/** One change of the upper layer, in one sentence. */
export function changeText(
  change: ExplainedChange,
  { layers }: Explanation,
  language: Language,
): string {
  const { kind, path: at, type = 'nothing', opaque = false, replaces = 'nothing' } = change
  const text = (en: string, zh: string): string => (language === 'en' ? en : zh)
  const what = HOLDINGS[type][language]
  switch (kind) {
    case 'copy-up': {
      const from = layerText(layers[change.from!]!.label, language)
      return type === 'directory'
        ? text(
            `copy up directory ${at} from ${from}, without its content`,
            `把目录 ${at} 从${spaced(from)}复制上来，不带内容`,
          )
        : text(`copy up ${what} ${at} from ${from}`, `把${what} ${at} 从${spaced(from)}复制上来`)
    }
    case 'make': {
      const over =
        replaces === 'whiteout' ? text(' in place of the whiteout', '，取代 whiteout') : ''
      const mark = !opaque
        ? ''
        : change.hides
          ? text(
              ', opaque, or the removed content would come back',
              '，并标为 opaque，否则删掉的内容会重新出现',
            )
          : text(
              ', opaque, as is every directory in a whiteout’s place',
              '，并标为 opaque：取代 whiteout 的目录一律如此',
            )
      return text(`make ${what} ${at}${over}${mark}`, `新建${what} ${at}${over}${mark}`)
    }
    case 'change':
      return change.what === 'mode'
        ? text(`change the mode of ${at}`, `修改 ${at} 的权限`)
        : text(`write into ${at}`, `写入 ${at}`)
    case 'remove':
      return type === 'directory'
        ? text(`remove directory ${at} with all in it`, `删除目录 ${at} 和里面的一切`)
        : text(`remove ${what} ${at}`, `删除${what} ${at}`)
    case 'whiteout':
      return text(
        `leave a whiteout at ${at}: a lower layer has that name`,
        `在 ${at} 留下 whiteout：下层还有这个名字`,
      )
    case 'opaque':
      return text(
        `mark ${at} opaque, so that nothing of a lower layer shows in it`,
        `把 ${at} 标为 opaque，下层的内容就不会混进来`,
      )
    case 'move': {
      const over =
        replaces === 'nothing'
          ? ''
          : text(
              `, in place of the ${HOLDINGS[replaces].en}`,
              `，取代那里的${HOLDINGS[replaces].zh}`,
            )
      return text(`move ${at} to ${change.to}${over}`, `把 ${at} 移到 ${change.to}${over}`)
    }
  }
}

/** For an operation without changes. */
export function nothingToDoText(language: Language): string {
  return language === 'en' ? 'nothing changes in the upper layer' : '上层没有任何变化'
}
