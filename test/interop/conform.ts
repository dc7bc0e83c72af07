// The table of docs/union-semantics.md, measured: each engine at the version it was written for gets the same shapes
// right and wrong, shape by shape. At other versions the tally is only told.

import t from 'tap'
import { conform } from '../../src/conform/conform.ts'
import { DOCKER_PROGRAMS } from '../support/dockerd.ts'
import { unless } from '../support/host.ts'

interface Known {
  readonly tool: string
  readonly programs: readonly string[]
  readonly version: RegExp
  /** Numbers of the decided shapes that it gets wrong. */
  readonly wrong: readonly number[]
  /** Of the open shapes, those in which it does not do what shale does. */
  readonly differs: readonly number[]
}

const TABLE: readonly Known[] = [
  {
    tool: 'docker',
    programs: DOCKER_PROGRAMS,
    version: /^20\.10\.24/,
    wrong: [3, 4, 5, 14, 16],
    differs: [19, 20, 21, 22],
  },
  {
    tool: 'containerd',
    programs: ['containerd', 'ctr'],
    version: /^1\.6\.20/,
    wrong: [3, 4, 5, 14, 15, 16],
    differs: [20, 21],
  },
  {
    tool: 'podman',
    programs: ['podman'],
    version: /^4\.3\.1/,
    wrong: [3, 4, 5, 14, 15, 16],
    differs: [19, 20, 21, 22],
  },
  {
    tool: 'skopeo',
    programs: ['skopeo'],
    version: /^1\.9\.3/,
    wrong: [3, 4, 5, 14, 15, 16],
    differs: [19, 20, 21, 22],
  },
  {
    tool: 'umoci',
    programs: ['umoci'],
    version: /^0\.4\.7/,
    wrong: [9, 13],
    differs: [17, 18, 20, 21],
  },
]

t.setTimeout(600_000)

for (const { tool, programs, version, wrong, differs } of TABLE) {
  const skip = unless({ interop: true, root: true, overlay: true, programs })
  t.test(`${tool} on the shapes`, { skip }, async (t) => {
    const report = await conform({ tools: [tool] })
    const [subject] = report.subjects
    t.comment(`${tool} ${subject!.version}: ${subject!.right} of ${subject!.of}`)
    if (!version.test(subject!.version ?? '')) return
    const numbers = (decided: boolean): number[] =>
      report.shapes
        .filter((row) => row.decided === decided && !row.verdicts[0]!.ok)
        .map((row) => row.number)
    t.same(numbers(true), wrong, 'wrong')
    t.same(numbers(false), differs, 'differs in what the spec leaves open')
    t.equal(subject!.right, 16 - wrong.length)
  })
}
