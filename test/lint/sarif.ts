// The log against the rules of SARIF 2.1.0 that code hosts reject a log by.

import t from 'tap'
import type { DiffID, ImageID } from '../../src/digest/digest.ts'
import { LINT_RULES } from '../../src/lint/rules.ts'
import { sarifLog } from '../../src/lint/sarif.ts'
import type { LintedImage } from '../../src/lint/lint.ts'

const diffID = `sha256:${'a'.repeat(64)}` as DiffID
const image: LintedImage = {
  imageID: `sha256:${'b'.repeat(64)}` as ImageID,
  names: ['app:1'],
  layers: [diffID],
  findings: [
    {
      rule: 'duplicate-entry',
      level: 'error',
      layer: 1,
      diffID,
      path: '/a',
      message: 'm',
      differs: 'd',
    },
    { rule: 'non-reproducible', level: 'note', layer: 1, diffID, message: 'm', differs: 'd' },
  ],
  omitted: {},
  wasted: { contentBytes: 0, wastedBytes: 0, wastedFiles: 0, top: [] },
}

t.test('the parts that the schema requires', async (t) => {
  const log = sarifLog([image, image], { target: 'my images/app:1.tar', version: '1.2.3' })
  t.equal(log.version, '2.1.0')
  t.match(log.$schema, /sarif-2\.1\.0/)
  t.equal(log.runs.length, 1)
  const { tool, results } = log.runs[0]!
  t.equal(tool.driver.name, 'shale')
  t.same(
    tool.driver.rules.map(({ id }) => id),
    LINT_RULES.map(({ id }) => id),
  )
  t.equal(results.length, 4)
  for (const result of results) {
    t.equal(tool.driver.rules[result.ruleIndex]!.id, result.ruleId)
    t.ok(['none', 'note', 'warning', 'error'].includes(result.level))
    t.ok(result.message.text.length > 0)
    const [location] = result.locations
    t.equal(location!.physicalLocation.artifactLocation.uri, 'my%20images/app%3A1.tar')
    t.doesNotThrow(() => new URL(location!.physicalLocation.artifactLocation.uri, 'file:///x/'))
    t.ok(location!.logicalLocations[0]!.name.length > 0)
  }
  t.equal(new Set(results.map((result) => result.partialFingerprints['shaleFinding/v1'])).size, 2)
  t.doesNotThrow(() => JSON.stringify(log))
})
