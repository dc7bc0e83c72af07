// A URL as a stream of bytes, for import. Follows a bounded number of redirects, never from https to http, and takes a
// body for whole only if it is as long as the server announced.

import { HostError } from './library/documents.ts'

/** As many as browsers follow. */
const REDIRECTS_MAX = 20
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** docker's own test of whether an argument of import is a URL. */
export function isURL(text: string): boolean {
  return /^https?:\/\//i.test(text)
}

/** @throws HostError ERR_NETWORK before the first byte, or while streaming; signal.reason */
export async function download(
  url: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { response, location } = await follow(url, signal)
  if (!response.ok || response.body === null) {
    await response.body?.cancel()
    throw networkError(location, `the server answered ${response.status} ${response.statusText}`)
  }
  // fetch inflates a body that was compressed for the transfer; then the announced length is not that of the bytes.
  const plain = (response.headers.get('content-encoding') ?? 'identity') === 'identity'
  const announced = plain ? response.headers.get('content-length') : null
  return wholeBody(
    response.body,
    announced === null ? undefined : Number(announced),
    location,
    signal,
  )
}

async function follow(
  url: string,
  signal: AbortSignal,
): Promise<{ response: Response; location: string }> {
  let location = new URL(url).href
  for (let redirects = 0; redirects <= REDIRECTS_MAX; redirects++) {
    const response = await request(location, signal)
    const next = response.headers.get('location')
    if (!REDIRECTS.has(response.status) || next === null) return { response, location }
    await response.body?.cancel()
    const target = URL.parse(next, location)
    if (target === null || !isURL(target.href)) {
      throw networkError(location, `it redirects to ${JSON.stringify(next)}, which is no http URL`)
    }
    if (location.startsWith('https:') && target.protocol === 'http:') {
      throw networkError(
        location,
        `it redirects from https to ${target.href}, which anybody could change`,
      )
    }
    location = target.href
  }
  throw networkError(url, `it redirects more than ${REDIRECTS_MAX} times`)
}

async function request(location: string, signal: AbortSignal): Promise<Response> {
  try {
    return await fetch(location, {
      signal,
      redirect: 'manual',
      headers: { 'accept-encoding': 'identity' },
    })
  } catch (error) {
    signal.throwIfAborted()
    throw networkError(location, reasonOf(error), error)
  }
}

async function* wholeBody(
  body: AsyncIterable<Uint8Array>,
  announcedBytes: number | undefined,
  location: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let receivedBytes = 0
  try {
    for await (const chunk of body) {
      receivedBytes += chunk.length
      yield chunk
    }
  } catch (error) {
    signal.throwIfAborted()
    const why = `the connection broke after ${receivedBytes} bytes: ${reasonOf(error)}`
    throw networkError(location, why, error)
  }
  if (announcedBytes !== undefined && receivedBytes !== announcedBytes) {
    const why = `it sent ${receivedBytes} bytes after announcing ${announcedBytes}`
    throw networkError(location, why)
  }
}

/** fetch says only `fetch failed`; what happened stands in the cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return String(cause)
  const { code } = cause as NodeJS.ErrnoException
  return cause.message === '' ? (code ?? cause.name) : cause.message
}

function networkError(url: string, why: string, cause?: unknown): HostError {
  return new HostError('ERR_NETWORK', `cannot download ${url}: ${why}`, { cause, details: { url } })
}
