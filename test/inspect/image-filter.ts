import t from 'tap'
import {
  matchGlob,
  matchesLabels,
  matchesReference,
  parseImageFilters,
} from '../../src/inspect/image-filter.ts'

t.test('patterns are those of Go’s path.Match', async (t) => {
  // From Go's own path/match_test.go.
  const cases: readonly (readonly [pattern: string, name: string, matches: boolean])[] = [
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'ab/c', false],
    ['a*/b', 'abc/b', true],
    ['a*/b', 'a/c/b', false],
    ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
    ['a*b*c*d*e*/f', 'axbxcxdxexxx/fff', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['a???b', 'a☺b', false],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['a?b', 'a/b', false],
    ['a*b', 'a/b', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'x', true],
    ['[x\\-]', 'z', false],
    ['*x', 'xxx', true],
  ]
  for (const [pattern, name, matches] of cases) {
    t.equal(matchGlob(pattern, name), matches, `${pattern} on ${name}`)
  }
  for (const bad of ['[]a]', '[-]', '[x-]', '[-x]', '[a-b-c]', '[', '[^', '[^bc', 'a[', '\\']) {
    t.throws(() => matchGlob(bad, 'a'), { code: 'ERR_OPTION' }, `${bad} is malformed`)
  }
})

t.test('a pattern that would make a backtracking matcher hang', async (t) => {
  t.equal(matchGlob('*a'.repeat(60) + 'b', 'a'.repeat(2000)), false)
})

t.test('a reference is matched with and without its tag', async (t) => {
  const name = { repository: 'reg:5000/x/y', name: 'reg:5000/x/y:1.2' }
  t.equal(matchesReference('reg:5000/x/y', name), true)
  t.equal(matchesReference('reg:5000/*/y:1.*', name), true)
  t.equal(matchesReference('y', name), false)
})

t.test('labels: keys, and values with = in them', async (t) => {
  const labels = { a: 'b=c', empty: '' }
  t.equal(matchesLabels(['a'], labels), true)
  t.equal(matchesLabels(['a=b=c'], labels), true)
  t.equal(matchesLabels(['a=b'], labels), false)
  t.equal(matchesLabels(['empty='], labels), true)
  t.equal(matchesLabels(['a', 'nope'], labels), false)
  t.equal(matchesLabels(['toString'], labels), false, 'own keys only')
})

t.test('reads the texts of -f', async (t) => {
  t.same(
    parseImageFilters(['dangling=1', 'label=a=b', 'label=c', 'reference=x*', 'before=app:1']),
    {
      dangling: true,
      labels: ['a=b', 'c'],
      references: ['x*'],
      before: 'app:1',
    },
  )
  t.same(parseImageFilters([]), {})
  t.same(parseImageFilters(['DANGLING = false']), { dangling: false })
  for (const bad of ['dangling', 'dangling=maybe', 'color=red', 'reference=[']) {
    t.throws(() => parseImageFilters([bad]), { code: 'ERR_OPTION' }, bad)
  }
  t.throws(() => parseImageFilters(['dangling=true', 'dangling=false']), /contradicts/)
})
