import t from 'tap'
import fs from 'node:fs'
import path from 'node:path'
import type { CacheID } from '../../src/digest/digest.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { leftovers, recover, type Transaction } from '../../src/store/transaction.ts'

/** Every path below a root with its content, but for the lock, which names the last writer. */
function snapshot(root: string): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of fs.readdirSync(root, { recursive: true }) as string[]) {
    const file = path.join(root, name)
    const stat = fs.lstatSync(file)
    if (name === 'shale/lock') continue
    out[name] = stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? fs.readlinkSync(file)
        : fs.readFileSync(file, 'utf8')
  }
  return out
}

/** A layer and a file, planned as a load plans them. */
async function change(store: Store, transaction: Transaction): Promise<CacheID> {
  const { cacheID, facts } = await transaction.newLayer(undefined)
  fs.writeFileSync(path.join(store.driver.layerDirectory(cacheID), 'hello'), 'world')
  fs.writeFileSync(path.join(facts, 'cache-id'), cacheID)
  transaction.plan({
    op: 'rename',
    from: facts,
    to: path.join(store.layout.layers, 'a'.repeat(64)),
  })
  transaction.plan({
    op: 'rename',
    from: transaction.stageFile('{}', 0o600),
    to: store.layout.repositories,
  })
  return cacheID
}

t.test('a change shows all of itself once it returns', async (t) => {
  const root = path.join(t.testdir(), 'root')
  const store = await openStore(root)
  const cacheID = await store.write(async (transaction) => change(store, transaction))
  t.equal(
    fs.readFileSync(path.join(store.layout.layers, 'a'.repeat(64), 'cache-id'), 'utf8'),
    cacheID,
  )
  t.equal(fs.readFileSync(store.layout.repositories, 'utf8'), '{}')
  t.equal(fs.statSync(store.layout.repositories).mode & 0o7777, 0o600)
  t.equal(fs.statSync(root).mode & 0o7777, 0o710)
  t.same(leftovers(store.layout), [])
})

t.test('a change that throws leaves nothing', async (t) => {
  const root = path.join(t.testdir(), 'root')
  const store = await openStore(root)
  await store.write(async (transaction) => change(store, transaction))
  const before = snapshot(root)
  await t.rejects(
    store.write(async (transaction) => {
      await change(store, transaction)
      throw new Error('no')
    }),
    { message: 'no' },
  )
  t.same(snapshot(root), before)
})

t.test('an aborted change leaves nothing', async (t) => {
  const root = path.join(t.testdir(), 'root')
  const store = await openStore(root)
  await store.write(async () => undefined)
  const before = snapshot(root)
  const controller = new AbortController()
  await t.rejects(
    store.write(
      async (transaction) => {
        await change(store, transaction)
        controller.abort()
      },
      { signal: controller.signal },
    ),
    { name: 'AbortError' },
  )
  t.same(snapshot(root), before)
})

t.test(
  'killed before the journal: the next writer undoes it; killed at any step after it: the next opener completes it',
  async (t) => {
    // What the process would have left is kept by copying the root at that moment.
    const dir = t.testdir()
    const root = path.join(dir, 'root')
    const store = await openStore(root)
    await store.write(async () => undefined)
    const old = snapshot(root)

    const undecided = path.join(dir, 'undecided')
    await store.write(async (transaction) => {
      await change(store, transaction)
      fs.cpSync(root, undecided, { recursive: true, verbatimSymlinks: true })
    })
    const done = snapshot(root)

    const next = await openStore(undecided)
    t.not(leftovers(next.layout).length, 0, 'there is something to sweep')
    t.same(next.images(), [], 'a reader sees nothing of it')
    await next.write(async () => undefined)
    t.same(snapshot(undecided), old)

    const operations = 2
    for (let performed = 0; performed <= operations; performed++) {
      const decided = path.join(dir, `decided-${performed}`)
      // Rebuild the moment: the undecided copy, with its journal, after `performed` of its steps.
      fs.rmSync(path.join(dir, 'again'), { recursive: true, force: true })
      const again = path.join(dir, 'again')
      fs.cpSync(path.join(dir, 'undecided'), again, { recursive: true, verbatimSymlinks: true })
      const store = await openStore(again)
      await store.write(async (transaction) => {
        await change(store, transaction)
        fs.cpSync(again, decided, { recursive: true, verbatimSymlinks: true })
      })
      const copy = await openStore(decided)
      const [name] = leftovers(copy.layout)
      const folder = path.join(copy.layout.layerTemp, name!)
      const steps = [
        {
          op: 'rename',
          from: path.relative(decided, path.join(folder, '0')),
          to: path.relative(decided, path.join(copy.layout.layers, 'a'.repeat(64))),
        },
        {
          op: 'rename',
          from: path.relative(decided, path.join(folder, 'files', '0')),
          to: path.relative(decided, copy.layout.repositories),
        },
      ]
      fs.writeFileSync(
        path.join(folder, 'journal.json'),
        JSON.stringify({ version: 1, operations: steps }),
      )
      for (const step of steps.slice(0, performed))
        fs.renameSync(path.join(decided, step.from), path.join(decided, step.to))
      const opened = await openStore(decided)
      t.same(leftovers(opened.layout), [], `${performed} steps done: completed by opening`)
      t.equal(fs.readFileSync(opened.layout.repositories, 'utf8'), '{}')
      const cacheID = fs.readFileSync(
        path.join(opened.layout.layers, 'a'.repeat(64), 'cache-id'),
        'utf8',
      ) as CacheID
      t.equal(
        fs.readFileSync(path.join(opened.driver.layerDirectory(cacheID), 'hello'), 'utf8'),
        'world',
      )
      await recover(opened.layout, opened.driver)
      t.equal(
        Object.keys(snapshot(decided)).length,
        Object.keys(done).length,
        'a second recovery changes nothing',
      )
    }
  },
)

t.test('what a newer shale left is not half understood', async (t) => {
  const root = path.join(t.testdir(), 'root')
  const store = await openStore(root)
  await store.write(async (transaction) => change(store, transaction))
  const folder = path.join(store.layout.layerTemp, 'shale-0123456789abcdef')
  const journal = path.join(folder, 'journal.json')
  fs.mkdirSync(folder)
  fs.writeFileSync(journal, '{"version":2,"operations":[{"op":"exchange"}]}')
  const before = snapshot(root)
  await t.rejects(openStore(root), {
    code: 'ERR_FORMAT_NEWER',
    message: /journal\.json has version 2, and this shale knows 1; update shale$/,
  })
  await t.rejects(
    store.write(async () => undefined),
    { code: 'ERR_FORMAT_NEWER' },
  )
  t.same(snapshot(root), before)
  fs.writeFileSync(journal, 'no plan')
  await t.rejects(openStore(root), { code: 'ERR_STORE_CORRUPT', message: /is no JSON/ })
  fs.rmSync(folder, { recursive: true })

  fs.writeFileSync(path.join(root, 'shale', 'form'), 'crystal')
  const newer = await openStore(root)
  t.throws(() => newer.form, { code: 'ERR_FORMAT_NEWER', message: /form says "crystal"/ })
  await t.rejects(
    newer.write(async (transaction) => change(newer, transaction)),
    { code: 'ERR_FORMAT_NEWER' },
  )
  t.equal(fs.readFileSync(path.join(root, 'shale', 'form'), 'utf8'), 'crystal')
})

t.test('two writers: the second waits, then gives up and says who', async (t) => {
  const root = path.join(t.testdir(), 'root')
  const store = await openStore(root)
  const impatient = await openStore(root, { lockTimeoutMs: 60 })
  await store.write(async () => {
    await t.rejects(
      impatient.write(async () => undefined),
      { code: 'ERR_STORE_LOCKED', details: { pid: process.pid } },
    )
  })
  await impatient.write(async () => undefined)
  t.pass('free again')
})

t.test('one writer after another, however many start together', async (t) => {
  const root = path.join(t.testdir(), 'root')
  let inside = 0
  await Promise.all(
    Array.from({ length: 5 }, async () => {
      const store = await openStore(root)
      await store.write(async () => {
        t.equal(++inside, 1)
        await new Promise((resolve) => setTimeout(resolve, 5))
        inside--
      })
    }),
  )
})
