// Threads of the reassembly pool that end when nobody asked them to: in a job, and between two.

import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Worker } from 'node:worker_threads'
import t from 'tap'
import { applyLayerJob } from '../../src/archive/pipeline.ts'
import { ReassemblyPool } from '../../src/archive/reassembly-pool.ts'
import { endNextThread } from '../support/end-thread.ts'
import { digestOf, jobFor, tarOf } from '../support/layer-jobs.ts'
import { collect, path } from '../support/tars.ts'
import { temporaryDirectory } from '../support/temporary.ts'

t.test('a thread that ends without a word fails its job and no other', async (t) => {
  // More than is rebuilt without a thread.
  const tar = await tarOf([{ path: path('f'), body: randomBytes(5_000_000) }])
  const job = jobFor(temporaryDirectory(t), tar, { tar })
  const { diffID } = await applyLayerJob(job)
  await using pool = new ReassemblyPool()
  const rebuilt = async (): Promise<string> =>
    digestOf(await collect(pool.open({ ...job, diffID }, tar.length)))
  void endNextThread()
  await t.rejects(rebuilt(), {
    name: 'HostError',
    message: /^cannot give a layer back as a tar: the thread for it ended without an answer/,
  })
  const started = once(process, 'worker') as Promise<[Worker]>
  t.equal(await rebuilt(), diffID)
  const [thread] = await started
  // Between two jobs: it must not be given the next.
  await thread.terminate()
  t.equal(await rebuilt(), diffID)
})
