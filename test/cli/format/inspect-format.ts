import { readFileSync } from 'node:fs'
import t from 'tap'
import { formatInspect } from '../../../cli/format/inspect-format.ts'
import type { InspectDocument } from '../../../cli/format/inspect-format.ts'

interface Row {
  image: string
  template: string
  output?: string
  error?: string
}

function fixture(name: string): string {
  return readFileSync(new URL(`../../../../fixtures/template/${name}`, import.meta.url), 'utf8')
}

const images = JSON.parse(fixture('docker-inspect-images.json')) as Record<string, InspectDocument>

/** In its second try docker has JSON's numbers as texts, so that their length can be asked and 1 is no "x"; shale has ints. */
const OTHERWISE: Readonly<Record<string, RegExp>> = {
  '{{len .Size}}': /error calling len: len of type int$/,
  '{{eq .Size "x"}}': /error calling eq: incompatible types for comparison$/,
  '{{call .Os}}': /error calling call: non-function of type string$/,
}

t.test('prints what docker image inspect -f prints', async (t) => {
  let seen = 0
  for (const line of fixture('docker-inspect.jsonl').trim().split('\n')) {
    const { image, template, output, error } = JSON.parse(line) as Row
    const label = `${image} ${JSON.stringify(template)}`
    const print = (): string => formatInspect([images[image]!], template)
    const otherwise = OTHERWISE[template]
    if (otherwise) t.throws(print, { code: 'ERR_TEMPLATE', message: otherwise }, label)
    else if (output !== undefined) t.equal(print(), output, label)
    else t.throws(print, { code: 'ERR_TEMPLATE', message: error! }, label)
    seen++
  }
  t.ok(seen > 400)
})

const image = {
  ...images['bare:1']!,
  RootFS: { Type: 'layers', Layers: ['sha256:a'], ChainIDs: ['sha256:c', 'sha256:d'] },
}

t.test('finds what docker’s types do not have', async (t) => {
  t.equal(formatInspect([image], '{{.RootFS.ChainIDs}}'), '[sha256:c sha256:d]\n')
  t.equal(formatInspect([image], '{{join .RootFS.ChainIDs ","}}'), 'sha256:c,sha256:d\n')
  t.equal(formatInspect([image], '{{json .RootFS}}'), `${JSON.stringify(image.RootFS)}\n`)
  t.throws(() => formatInspect([image], '{{.RootFS.Nope}}'), {
    message:
      'template parsing error: template: :1:9: executing "" at <.RootFS.Nope>: map has no entry for key "Nope"',
  })
})

t.test('several objects make one array, or a line each', async (t) => {
  t.equal(formatInspect([image, image], '{{.Os}}'), 'linux\nlinux\n')
  t.equal((JSON.parse(formatInspect([image, image], undefined)) as unknown[]).length, 2)
  t.equal(formatInspect([], undefined), '[]\n')
  t.equal(formatInspect([], 'json'), '[]\n')
})

t.test('what an image says does not reach the terminal raw', async (t) => {
  const evil = {
    ...image,
    Comment: '\u001b[2J\u009b1m\u202e',
    Config: { Labels: { 10: 'x', 9: 'y', a: '\u009b' } },
  }
  t.equal(formatInspect([evil], '{{.Comment}}'), '\\x1b[2J\\x9b1m\\u202e\n')
  t.equal(formatInspect([evil], '{{json .Comment}}'), '"\\u001b[2J\\u009b1m\\u202e"\n')
  t.equal(formatInspect([evil], '{{json .Config.Labels}}'), '{"10":"x","9":"y","a":"\\u009b"}\n')
  for (const format of ['', 'json']) {
    const text = formatInspect([evil], format)
    t.notMatch(text, /[\u009b\u202e]/)
    t.strictSame(JSON.parse(text), [evil], 'and it is the same JSON')
  }
})
