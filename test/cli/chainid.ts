import t from 'tap'
import { shaleInProcess, type InProcessOutput } from '../support/in-process.ts'

// The numbers that tutorials on docker's storage work with.
const DIFF_IDS = [
  'sha256:488dfecc21b1bc607e09368d2791cb784cf8c4ec5c05d2952b045b3e0f8cc01e',
  'sha256:b4a29beac87cb2648ad511811c9c798c2aade5e0d82995a27a5d986ae24898b0',
  'sha256:22439467ad99389c16d8c9a499ce94cc4cc882d2865b97819213300f2fe0198d',
]
const CHAIN_IDS = [
  'sha256:488dfecc21b1bc607e09368d2791cb784cf8c4ec5c05d2952b045b3e0f8cc01e',
  'sha256:99360ffcb2da18fd9ede194efaf5d4b90e7aee99f45737e918113e6833dcf278',
  'sha256:a3136fbf38691346715cac8360bcdfca0fff812cede416469653670f04e2cab0',
]

const run = (args: readonly string[], stdin?: string): Promise<InProcessOutput> =>
  shaleInProcess(['chainid', ...args], { root: '/nowhere', ...(stdin ? { stdin } : {}) })

t.test('the tutorials’ numbers', async (t) => {
  t.equal((await run(DIFF_IDS)).stdout, `${CHAIN_IDS[2]}\n`)
  t.equal((await run(['--all', ...DIFF_IDS])).stdout, `${CHAIN_IDS.join('\n')}\n`)
  t.equal((await run([], DIFF_IDS.join('\n'))).stdout, `${CHAIN_IDS[2]}\n`)
  const bare = DIFF_IDS.map((id) => id.slice(7)).join(' ')
  t.equal((await run(['-a'], ` ${bare}\n`)).stdout, `${CHAIN_IDS.join('\n')}\n`)
  t.same(
    JSON.parse((await run(['--json', ...DIFF_IDS])).stdout),
    DIFF_IDS.map((diffID, i) => ({ number: i + 1, diffID, chainID: CHAIN_IDS[i] })),
  )
})

t.test('--explain shows what is hashed', async (t) => {
  const { stdout } = await run(['--explain', ...DIFF_IDS])
  t.match(stdout, `sha256("${CHAIN_IDS[0]} ${DIFF_IDS[1]}")`)
  t.match(stdout, `sha256("${CHAIN_IDS[1]} ${DIFF_IDS[2]}")`)
  t.ok(stdout.endsWith(`  chainID = ${CHAIN_IDS[2]}\n`))
})

t.test('what is no diffID', async (t) => {
  for (const [args, stdin] of [
    [['sha256:488dfecc'], ''],
    [['md5:0'], ''],
    [[], 'no digests here'],
    [[], ' \n'],
    [[], 'x'.repeat(2 << 20)],
  ] as const) {
    const { code, stdout } = await run(args, stdin)
    t.equal(code, 2)
    t.equal(stdout, '')
  }
})
