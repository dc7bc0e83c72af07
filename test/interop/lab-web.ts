// The page of lessons and the pictures of explain in a real browser: on a screen and on a telephone, by day and by
// night, in both languages. The browser measures; nothing may stick out, be empty, or fail to be readable.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import zlib from 'node:zlib'
import t from 'tap'
import { LESSONS } from '../../src/lab/lessons.ts'
import { cleanEnvironment, shaleOk, withoutLoader } from '../support/cli.ts'
import { isInterop } from '../support/host.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { findProgram } from '../../src/sys/run-program.ts'

const BROWSER = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => findProgram(name))
t.setTimeout(600_000)

const skip = !isInterop
  ? 'runs with SHALE_INTEROP=1'
  : BROWSER === undefined
    ? 'no chromium here'
    : false

interface View {
  readonly width: number
  readonly dark: boolean
}
const PICTURES = LESSONS.flatMap(({ steps }) => steps).filter(({ picture }) => picture).length
const VIEWS: readonly View[] = [1280, 390].flatMap((width) =>
  [false, true].map((dark) => ({ width, dark })),
)

function browse(file: string, { width, dark }: View, more: readonly string[]): string {
  const profile = path.join(path.dirname(file), 'profile')
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking']
  const scheme = `--blink-settings=preferredColorScheme=${dark ? 0 : 1}`
  const program = [
    BROWSER!,
    ...[...flags, '--hide-scrollbars', '--no-first-run', '--disable-dev-shm-usage', scheme],
    ...[`--user-data-dir=${profile}`, `--window-size=${width},1600`, ...more, `file://${file}`],
  ]
  const [command, args] = withoutLoader(program)
  const env = cleanEnvironment({ HOME: path.dirname(file) })
  const done = spawnSync(command, args, {
    env,
    encoding: 'utf8',
    timeout: 90_000,
    maxBuffer: 1 << 28,
  })
  if (done.error) throw done.error
  if (done.status !== 0) throw new Error(`the browser ended with ${done.status}\n${done.stderr}`)
  return done.stdout
}

/** What the page looks like to the browser; put at its end, since it runs in there. */
const MEASURE = `<script>addEventListener('load',function(){
var wide=innerWidth,out=[],small=[],faint=[]
function shown(e){return e.getClientRects().length>0}
function clipped(e){for(;e;e=e.parentElement)if(e.matches('pre,figure'))return true;return false}
function channels(c){return (c.match(/[\\d.]+/g)||[]).slice(0,3).map(Number)}
function light(c){var v=channels(c).map(function(x){x/=255;return x<=.03928?x/12.92:Math.pow((x+.055)/1.055,2.4)})
return .2126*v[0]+.7152*v[1]+.0722*v[2]}
function behind(e){for(;e;e=e.parentElement){var c=getComputedStyle(e).backgroundColor;if(!/, 0\\)$|transparent/.test(c))return c}return 'rgb(255,255,255)'}
function contrast(a,b){var x=light(a),y=light(b);return (Math.max(x,y)+.05)/(Math.min(x,y)+.05)}
document.querySelectorAll('body *').forEach(function(e){if(!shown(e))return
var r=e.getBoundingClientRect();if(!clipped(e)&&(r.right>wide+.5||r.left<-.5))out.push(e.tagName+' '+e.textContent.slice(0,40))
var own=[].some.call(e.childNodes,function(n){return n.nodeType===3&&n.data.trim()})
if(!own||e.closest('script,style'))return
var s=getComputedStyle(e)
if(e.closest('svg')){if(!e.closest('.sx-hidden')){var scale=e.getScreenCTM().a;if(parseFloat(s.fontSize)*scale<9)small.push(e.textContent)
var back=e.closest('g')?getComputedStyle(e.closest('g').querySelector('rect')).fill:getComputedStyle(e.ownerSVGElement.querySelector('.sx-back')).fill
if(back!=='none'&&contrast(s.fill,back)<4.5)faint.push(e.textContent+' '+s.fill+' on '+back)}return}
if(parseFloat(s.fontSize)<12)small.push(e.textContent.slice(0,40))
if(contrast(s.color,behind(e))<4.5)faint.push(e.textContent.slice(0,40)+' '+s.color+' on '+behind(e))})
function texts(){return document.querySelector('h1').innerText}
var before=texts();document.querySelector('[data-set=zh]').click();var zh=texts();document.querySelector('[data-set=en]').click();var en=texts()
var found={wide:wide,scroll:document.documentElement.scrollWidth,out:out,small:small,faint:faint,before:before,en:en,zh:zh,
pictures:[].filter.call(document.querySelectorAll('svg'),shown).length,bad:document.querySelectorAll('.bad').length,
requests:performance.getEntriesByType('resource').map(function(r){return r.name})}
parent.postMessage(JSON.stringify(found),'*')})</script>`

interface Found {
  readonly wide: number
  readonly scroll: number
  readonly out: string[]
  readonly small: string[]
  readonly faint: string[]
  readonly before: string
  readonly en: string
  readonly zh: string
  readonly pictures: number
  readonly bad: number
  readonly requests: string[]
}

function measure(file: string, view: View): Found {
  const page = fs.readFileSync(file, 'utf8')
  const measured = path.join(path.dirname(file), 'measured.html')
  fs.writeFileSync(measured, page.replace('</body>', `${MEASURE}</body>`))
  // In a frame: a window of the browser's own is never narrower than 500.
  const framed = path.join(path.dirname(file), 'framed.html')
  fs.writeFileSync(
    framed,
    `<!DOCTYPE html><style>:root{color-scheme:light dark}</style><body><script>addEventListener('message',function(e){document.body.setAttribute('data-found',e.data)})</script><iframe src="measured.html" style="border:0;width:${view.width}px;height:1600px"></iframe>`,
  )
  const dom = browse(framed, view, ['--virtual-time-budget=20000', '--dump-dom'])
  const [, json] = /data-found="([^"]*)"/.exec(dom) ?? []
  if (json === undefined) throw new Error('the page measured nothing')
  return JSON.parse(json.replaceAll('&quot;', '"').replaceAll('&amp;', '&')) as Found
}

/** Of an eight-bit PNG without interlacing, as the browser writes it: how often each colour occurs. */
function coloursOf(file: string): Map<string, number> {
  const bytes = fs.readFileSync(file)
  const data: Buffer[] = []
  for (let at = 8; at < bytes.length; at += 12 + bytes.readUInt32BE(at)) {
    if (bytes.toString('latin1', at + 4, at + 8) !== 'IDAT') continue
    data.push(bytes.subarray(at + 8, at + 8 + bytes.readUInt32BE(at)))
  }
  const width = bytes.readUInt32BE(16)
  const pixel = bytes[25] === 6 ? 4 : 3
  const raw = zlib.inflateSync(Buffer.concat(data))
  const stride = width * pixel
  let above = Buffer.alloc(stride)
  const out = new Map<string, number>()
  for (let at = 0; at < raw.length; at += stride + 1) {
    const filter = raw[at]!
    const line = Buffer.from(raw.subarray(at + 1, at + 1 + stride))
    for (let i = 0; i < line.length; i++) {
      const left = i < pixel ? 0 : line[i - pixel]!
      const up = above[i]!
      const corner = i < pixel ? 0 : above[i - pixel]!
      line[i] = line[i]! + predicted(filter, left, up, corner)
    }
    for (let i = 0; i < line.length; i += pixel) {
      const colour = line.toString('hex', i, i + 3)
      out.set(colour, (out.get(colour) ?? 0) + 1)
    }
    above = line
  }
  return out
}

function predicted(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left
  if (filter === 2) return up
  if (filter === 3) return (left + up) >> 1
  if (filter !== 4) return 0
  const guess = left + up - corner
  const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)]
  return a <= b && a <= c ? left : b <= c ? up : corner
}

const mostOf = (colours: Map<string, number>): string =>
  [...colours].sort(([, a], [, b]) => b - a)[0]![0]

t.test('the page', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  const file = path.join(dir, 'lessons.html')
  shaleOk(['lab', '--lang', 'en', '--web', file])
  for (const language of ['en', 'zh'] as const) {
    const own = path.join(dir, `${language}.html`)
    const page = fs.readFileSync(file, 'utf8')
    fs.writeFileSync(own, page.replace('data-language="en"', `data-language="${language}"`))
    for (const view of VIEWS) {
      const found = measure(own, view)
      const name = `${language} ${view.width} ${view.dark ? 'dark' : 'light'}`
      t.equal(found.wide, view.width, name)
      t.ok(found.scroll <= view.width, `${name}: ${found.scroll} wide`)
      t.same(found.out, [], `${name}: nothing sticks out`)
      t.same(found.small, [], `${name}: nothing is too small`)
      t.same(found.faint, [], `${name}: everything can be read`)
      t.same([found.en, found.zh], ['Layers and unions', '镜像层与联合文件系统'], name)
      t.equal(found.before, found[language], name)
      t.equal(found.pictures, PICTURES, `${name}: pictures`)
      t.equal(found.bad, 0)
      t.same(found.requests, [], 'nothing is fetched')
    }
  }
  for (const view of VIEWS) {
    const shot = path.join(dir, 'shot.png')
    browse(file, view, [`--screenshot=${shot}`])
    const colours = coloursOf(shot)
    t.equal(mostOf(colours), view.dark ? '17181b' : 'fdfcfa', 'the ground')
    t.ok(colours.size > 50, `${colours.size} colours: something is on it`)
  }
})

t.test('a picture by itself', { skip }, async (t) => {
  const dir = temporaryDirectory(t)
  for (const name of ['U', 'L1/d', 'L2/d']) fs.mkdirSync(path.join(dir, name), { recursive: true })
  fs.writeFileSync(path.join(dir, 'L2/d/<f> & "g"'), '')
  const layers = `lowerdir=${path.join(dir, 'L1')}:${path.join(dir, 'L2')},upperdir=${path.join(dir, 'U')}`
  const file = path.join(dir, 'picture.svg')
  shaleOk(['explain', '-o', layers, '--op', 'rm', '--svg', file, '/d/<f> & "g"'])
  for (const view of VIEWS) {
    const shot = path.join(dir, 'shot.png')
    browse(file, view, [`--screenshot=${shot}`])
    const colours = coloursOf(shot)
    t.ok(colours.has(view.dark ? '1c1d20' : 'fbfaf7'), 'its own ground')
    t.ok(colours.has(view.dark ? '1d3450' : 'e3eefb'), 'the file that is found')
  }
  const dom = browse(file, VIEWS[0]!, ['--dump-dom'])
  t.notMatch(dom, 'parsererror')
  t.match(dom, '&lt;f&gt;')
})
