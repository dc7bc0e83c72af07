// The rule at the end of a time zone's file, `CET-1CEST,M3.5.0,M10.5.0/3`: what holds after the last change that the file
// lists. POSIX's form of TZ, with RFC 9636's hours from -167 to 167. Source: tzset in Go's time/zoneinfo.go.

export interface LocalTime {
  /** East of Greenwich. */
  readonly offsetSeconds: number
  /** `CEST`; where tzdata has no letters, `-03`. */
  readonly name: string
}

const NAME = '<[^>]+>|[A-Za-z]{3,}'
const TIME = '[-+]?[0-9]+(?::[0-9]+){0,2}'
const DATE = `(?:M[0-9]+\\.[0-9]+\\.[0-9]+|J?[0-9]+)(?:/${TIME})?`
const RULE = new RegExp(
  `^(?<standard>${NAME})(?<behind>${TIME})((?<summer>${NAME})(?<summerBehind>${TIME})?(,(?<start>${DATE}),(?<end>${DATE}))?)?$`,
)

/** @returns undefined where the text is no rule */
export function timeByRule(rule: string, seconds: number): LocalTime | undefined {
  const parts = RULE.exec(rule)?.groups
  if (!parts) return undefined
  const standard = localTime(parts['standard']!, -secondsOf(parts['behind']!))
  if (parts['summer'] === undefined) return standard
  const behind = parts['summerBehind']
  const ahead = behind === undefined ? standard.offsetSeconds + 3600 : -secondsOf(behind)
  const summer = localTime(parts['summer'], ahead)
  const year = new Date(seconds * 1000).getUTCFullYear()
  // Without dates the USA's hold, as in tzcode.
  const start = localSeconds(year, parts['start'] ?? 'M3.2.0') - standard.offsetSeconds
  const end = localSeconds(year, parts['end'] ?? 'M11.1.0') - summer.offsetSeconds
  // In the south summer goes over the turn of the year.
  const isSummer =
    start <= end ? seconds >= start && seconds < end : seconds >= start || seconds < end
  return isSummer ? summer : standard
}

function localTime(name: string, offsetSeconds: number): LocalTime {
  return { name: name.replace(/^<|>$/g, ''), offsetSeconds }
}

/** `-1:30` is 90 minutes before. */
function secondsOf(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.replace(/^[-+]/, '').split(':').map(Number)
  const size = hours * 3600 + minutes * 60 + seconds
  return time.startsWith('-') ? -size : size
}

/** When a date of a rule is, by the clock that goes until then. */
function localSeconds(year: number, text: string): number {
  const [date = '', time = '2'] = text.split('/')
  return dateMs(year, date) / 1000 + secondsOf(time)
}

function dateMs(year: number, date: string): number {
  if (date.startsWith('J')) {
    // 1 to 365: the 29th of February has no number.
    const [month, day] = monthAndDay(Number(date.slice(1)))
    return Date.UTC(year, month, day)
  }
  if (!date.startsWith('M')) return Date.UTC(year, 0, 1 + Number(date))
  const [month = 1, week = 1, weekday = 0] = date.slice(1).split('.').map(Number)
  const first = 1 + ((weekday - new Date(Date.UTC(year, month - 1, 1)).getUTCDay() + 7) % 7)
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate()
  // The fifth is the last.
  const weeks = Math.min(week - 1, Math.floor((days - first) / 7))
  return Date.UTC(year, month - 1, first + 7 * weeks)
}

function monthAndDay(dayOfCommonYear: number): readonly [month: number, day: number] {
  const date = new Date(Date.UTC(2001, 0, dayOfCommonYear))
  return [date.getUTCMonth(), date.getUTCDate()]
}
