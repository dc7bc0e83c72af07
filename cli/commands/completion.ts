// completion: the script that teaches a shell the verbs and options of this version.

import { Argument, type Command } from 'commander'
import { SHELLS, completionScript, type Shell } from '../completion.ts'
import type { Context } from '../context.ts'
import { declareVerb, examples } from '../verb.ts'

export function declareCompletion(program: Command, context: Context): void {
  declareVerb(program, ['completion'], (command) => {
    command
      .summary('print a completion script for a shell')
      .description('Print a script that completes verbs, options and image names in a shell.')
      .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
      .action((shell: Shell) => context.stdout.write(completionScript(program, shell)))
    examples(command, [
      [
        'completion bash > /etc/bash_completion.d/shale',
        'bash; or: source <(shale completion bash)',
      ],
      ['completion zsh > "${fpath[1]}/_shale"', 'zsh'],
      ['completion fish > ~/.config/fish/completions/shale.fish', 'fish'],
    ])
  })
}
