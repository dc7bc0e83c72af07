import t from 'tap'
import { askThread } from '../../src/sys/start-thread.ts'

function thread(code: string): URL {
  const from = "import { parentPort, workerData } from 'node:worker_threads'\n"
  return new URL(`data:text/javascript,${encodeURIComponent(from + code)}`)
}

t.test("a thread's first message is its answer, also where it ends at once", async (t) => {
  const echo = thread('parentPort.postMessage(workerData)')
  t.equal(await askThread('echo', echo, { workerData: 7 }), 7)
  const hurry = thread('parentPort.postMessage(1); parentPort.postMessage(2); process.exit(9)')
  t.equal(await askThread('hurry', hurry), 1)
})

t.test('a thread that ends without a message is an error that says for what it was', async (t) => {
  for (const [code, exitCode] of [
    ['process.exit(3)', 3],
    ['', 0],
  ] as const) {
    await t.rejects(askThread('mount /a/b', thread(code)), {
      name: 'HostError',
      code: 'ERR_HOST',
      message: `cannot mount /a/b: the thread for it ended without an answer (exit code ${exitCode}); try again, and report it if it happens twice`,
      details: { exitCode },
    })
  }
})

t.test('what a thread throws is what is heard of it', async (t) => {
  const broken = thread("throw new TypeError('broken')")
  await t.rejects(askThread('break', broken), { name: 'TypeError', message: 'broken' })
})

t.test('a thread whose memory runs out', async (t) => {
  const greedy = thread('const all = []; for (;;) all.push(new Array(1e5).fill({}))')
  await t.rejects(askThread('hoard', greedy, { resourceLimits: { maxOldGenerationSizeMb: 8 } }), {
    code: 'ERR_WORKER_OUT_OF_MEMORY',
  })
})
