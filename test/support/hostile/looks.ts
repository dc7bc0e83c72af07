// Everything that reads an image which is in the store, and all that is made of it: reading may fail on a hostile one,
// but not as a bug, and nothing that lies outside may come with what is read.

import fs from 'node:fs'
import path from 'node:path'
import type { HostileCase } from './case.ts'
import type { Trial } from './trial.ts'

/** Names that lead to a canary where a link of the image is followed to the host. */
export const TEMPTING = ['/etc/passwd', '/secret', '/d/secret', '/s/dir/keep'] as const
/** Of one image: some have hundreds of the same kind. */
const LINKS_MAX = 60

export async function look(
  trial: Trial,
  image: string,
  { holds = {}, lacks = [] }: Pick<HostileCase, 'holds' | 'lacks'>,
): Promise<void> {
  const listed = await trial.must('--json', 'ls', '-R', image)
  const files =
    listed.code === 0 ? (JSON.parse(listed.stdout) as { path: string; type: string }[]) : []
  for (const [name, content] of Object.entries(holds)) {
    const { stdout, stderr } = await trial.run(['cat', `${image}:${name}`])
    if (stdout !== content) {
      trial.problem(
        `${name} should hold ${JSON.stringify(content)}: ${JSON.stringify(stdout)} ${stderr}`,
      )
    }
  }
  for (const name of lacks) {
    if (files.some((file) => file.path === name)) trial.problem(`${name} should not be there`)
  }
  const links = files.filter((file) => file.type !== 'file' && file.type !== 'directory')
  for (const { path: name } of links.slice(0, LINKS_MAX)) {
    await trial.run(['cat', `${image}:${name}`])
    await trial.run(['ls', `${image}:${name}/`])
  }
  for (const name of TEMPTING) await trial.run(['cat', `${image}:${name}`])
  if (!trial.options.isThorough) return
  for (const verb of ['ls', 'inspect', 'history', 'layers', 'lint']) await trial.run([verb, image])
  await trial.run(['ls', '-lR', '--layers', image])
  for (const verb of ['images', 'tree', 'info', 'df']) await trial.run([verb])
  await trial.run(['inspect', '-f', '{{json .Config}} {{.Author}} {{.Comment}}', image])
  await trial.run(['history', '--no-trunc', '--format', '{{.CreatedBy}} {{.Comment}}', image])
  await trial.run(['diff', 'old:1', image])
  await trial.run(['diff', '--why', image, 'old:1'])
  for (const name of TEMPTING) await trial.run(['explain', '--op', 'write', name, image])
  await save(trial, image)
  await copyOut(trial, image)
  await container(trial, image)
  if (trial.options.canMountKernel) await mounted(trial, image, 'kernel')
  await mounted(trial, image, 'merge')
}

async function mounted(trial: Trial, image: string, view: 'merge' | 'kernel'): Promise<void> {
  const target = path.join(trial.ground.scratch, `mounted-${view}`)
  fs.mkdirSync(target)
  if ((await trial.must('mount', '--view', view, image, target)).code === 0) {
    trial.checkLeaks(target, `the ${view}`)
    await trial.must('umount', target)
  }
  fs.rmSync(target, { recursive: true, force: true })
}

async function save(trial: Trial, image: string): Promise<void> {
  const directory = path.join(trial.ground.scratch, 'saved')
  fs.mkdirSync(directory)
  await trial.must('save', '-o', path.join(directory, 'saved.tar'), image)
  await trial.must('save', '--format', 'oci-dir', '-o', path.join(directory, 'oci'), image)
  trial.checkLeaks(directory, 'what was saved')
  fs.rmSync(directory, { recursive: true })
}

/** Onto the host, whole and by what a link leads to: a destination holds what the image has, and its neighbour nothing. */
async function copyOut(trial: Trial, image: string): Promise<void> {
  const directory = path.join(trial.ground.scratch, 'copied')
  fs.mkdirSync(path.join(directory, 'whole'), { recursive: true })
  await trial.run(['cp', '-a', `${image}:/.`, path.join(directory, 'whole')])
  for (const name of TEMPTING)
    await trial.run(['cp', '-L', `${image}:${name}`, path.join(directory, 'followed')])
  trial.checkLeaks(directory, 'what was copied out')
  const beside = fs.readdirSync(directory).filter((name) => name !== 'followed' && name !== 'whole')
  if (beside.length > 0) trial.problem(`cp wrote beside its destination: ${beside.join(', ')}`)
  fs.rmSync(directory, { recursive: true })
}

/** A container of it: exported, compared, committed. */
async function container(trial: Trial, image: string): Promise<void> {
  const created = await trial.must('create', '--name', 'hostile', image, '/bin/true')
  if (created.code !== 0) return
  const file = path.join(trial.ground.scratch, 'exported.tar')
  for (const what of ['hostile', image]) {
    await trial.run(['export', '-o', file, what])
    if (fs.existsSync(file)) trial.checkLeaks(file, 'the exported tar')
    fs.rmSync(file, { force: true })
  }
  await trial.run(['diff', 'hostile'])
  for (const name of TEMPTING) await trial.run(['cp', '-L', `hostile:${name}`, '-'])
  await trial.run(['inspect', 'hostile'])
  const committed = await trial.must('commit', 'hostile', 'committed:1')
  if (committed.code === 0) await trial.must('rmi', 'committed:1')
  await trial.must('rm', '-f', '-v', 'hostile')
}
