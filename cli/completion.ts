// Completion scripts, made from the tree of verbs itself, so that they cannot fall behind it. Verbs, options and choices
// are written into the script; image names are asked of `shale images` when the user presses the key.
// Knows three shells' syntax; knows verbs only as the tree has them.

import type { Argument, Command, Option } from 'commander'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

/** One place in the tree: what may follow the words that lead to it. */
interface Place {
  /** `image ls`; '' for the program. */
  readonly words: string
  readonly subcommands: readonly { readonly name: string; readonly summary: string }[]
  readonly options: readonly CompletedOption[]
  readonly values: 'images' | 'files' | 'nothing'
  readonly choices: readonly string[]
}

interface CompletedOption {
  readonly flags: readonly string[]
  readonly summary: string
  readonly takesValue: boolean
  readonly choices: readonly string[]
}

export function completionScript(program: Command, shell: Shell): string {
  const places = [...placesOf(program, [])]
  if (shell === 'bash') return bashScript(places)
  return shell === 'zsh' ? zshScript(places) : fishScript(places)
}

function* placesOf(command: Command, path: readonly string[]): Generator<Place> {
  const names = command.commands.flatMap((sub) =>
    [sub.name(), ...sub.aliases()].map((name) => ({ name, summary: plain(sub.summary()) })),
  )
  yield {
    words: path.join(' '),
    subcommands: path.length === 0 ? [...names, { name: 'help', summary: 'print help' }] : names,
    options: [...command.options.map(optionOf), HELP],
    values: valuesOf(command.registeredArguments),
    choices: command.registeredArguments.flatMap((argument) => argument.argChoices ?? []),
  }
  for (const sub of command.commands) {
    for (const name of [sub.name(), ...sub.aliases()]) yield* placesOf(sub, [...path, name])
  }
}

const HELP: CompletedOption = {
  flags: ['-h', '--help'],
  summary: 'print help',
  takesValue: false,
  choices: [],
}

function optionOf(option: Option): CompletedOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    summary: plain(option.description),
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
  }
}

/** By what the declarations call their arguments. */
function valuesOf(arguments_: readonly Argument[]): Place['values'] {
  const names = arguments_.map((argument) => argument.name())
  if (names.some((name) => /image|repository|source/i.test(name))) return 'images'
  return names.some((name) => /file|dir|path|url/i.test(name)) ? 'files' : 'nothing'
}

/** Descriptions go into quoted strings of three shells: what has a meaning there is left out. */
function plain(text: string): string {
  return text.replaceAll(/['"`$\\[\]:]/g, '').replaceAll('’', '')
}

/** The words before the cursor, without options and their values, lead to a place. */
function valueOptions(places: readonly Place[]): string[] {
  const flags = places.flatMap((place) =>
    place.options.filter((option) => option.takesValue).flatMap((option) => option.flags),
  )
  return [...new Set(flags)].sort()
}

const LIST_IMAGES = "shale images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null"

function bashScript(places: readonly Place[]): string {
  const cases = places.map((place) => {
    const options = place.options.flatMap((option) => option.flags).join(' ')
    const words = [...place.subcommands.map((sub) => sub.name), ...place.choices].join(' ')
    return `    '${place.words}') subs='${words}' opts='${options}' values='${place.values}' ;;`
  })
  const choices = places.flatMap((place) =>
    place.options
      .filter((option) => option.choices.length > 0)
      .map(
        (option) =>
          `    ${option.flags.map((flag) => `'${place.words} ${flag}'`).join(' | ')}) COMPREPLY=($(compgen -W '${option.choices.join(' ')}' -- "$cur")); return ;;`,
      ),
  )
  return `# bash completion for shale. Made by: shale completion bash
_shale() {
  local cur prev word path='' skip='' subs='' opts='' values='' i
  COMPREPLY=()
  # A colon splits words for readline, but not in an image name.
  local words=() cword=0
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n : -w words -i cword
  else
    words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD
  fi
  cur="\${words[cword]}"; prev="\${words[cword-1]}"
  for ((i = 1; i < cword; i++)); do
    word="\${words[i]}"
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      ${valueOptions(places).join(' | ')}) skip=1 ;;
      -*) ;;
      *)
        case "\${path:+$path }$word" in
          ${places
            .map((place) => place.words)
            .filter((words) => words !== '')
            .map((words) => `'${words}'`)
            .join(' | ')}) path="\${path:+$path }$word" ;;
        esac ;;
    esac
  done
  case "$path $prev" in
${choices.map((line) => line.replace(/^ {4}'(?= )/, "    '")).join('\n')}
  esac
  if [[ -n $skip ]]; then COMPREPLY=($(compgen -f -- "$cur")); return; fi
  case "$path" in
${cases.join('\n')}
  esac
  if [[ $cur == -* ]]; then COMPREPLY=($(compgen -W "$opts" -- "$cur")); return; fi
  case "$values" in
    images) COMPREPLY=($(compgen -W "$subs $(${LIST_IMAGES})" -- "$cur")) ;;
    files) COMPREPLY=($(compgen -f -W "$subs" -- "$cur")) ;;
    *) COMPREPLY=($(compgen -W "$subs" -- "$cur")) ;;
  esac
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$cur"; fi
}
complete -F _shale shale
`
}

function zshScript(places: readonly Place[]): string {
  const cases = places.map((place) => {
    const options = place.options.flatMap((option) =>
      option.flags.map((flag) => `'${flag}:${option.summary}'`),
    )
    const subs = [
      ...place.subcommands.map((sub) => `'${sub.name}:${sub.summary}'`),
      ...place.choices.map((choice) => `'${choice}'`),
    ]
    return `    '${place.words}')\n      subs=(${subs.join(' ')})\n      opts=(${options.join(' ')})\n      values='${place.values}' ;;`
  })
  const choices = places.flatMap((place) =>
    place.options
      .filter((option) => option.choices.length > 0)
      .map(
        (option) =>
          `    ${option.flags.map((flag) => `'${place.words} ${flag}'`).join(' | ')}) compadd -- ${option.choices.join(' ')}; return ;;`,
      ),
  )
  return `#compdef shale
# zsh completion for shale. Made by: shale completion zsh
_shale() {
  local word place='' skip='' values='' i
  local -a subs opts images
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      ${valueOptions(places).join(' | ')}) skip=1 ;;
      -*) ;;
      *)
        case "\${place:+$place }$word" in
          ${places
            .map((place) => place.words)
            .filter((words) => words !== '')
            .map((words) => `'${words}'`)
            .join(' | ')}) place="\${place:+$place }$word" ;;
        esac ;;
    esac
  done
  case "$place \${words[CURRENT-1]}" in
${choices.join('\n')}
  esac
  if [[ -n $skip ]]; then _files; return; fi
  case "$place" in
${cases.join('\n')}
  esac
  if [[ "$PREFIX" == -* ]]; then _describe option opts; return; fi
  (( \${#subs} )) && _describe verb subs
  case "$values" in
    images) images=(\${(f)"$(${LIST_IMAGES})"}); compadd -- $images ;;
    files) _files ;;
  esac
}
if [[ "\${funcstack[1]}" == _shale ]]; then _shale "$@"; else compdef _shale shale; fi
`
}

function fishScript(places: readonly Place[]): string {
  const lines: string[] = []
  for (const place of places) {
    const here = `-n '__shale_at "${place.words}"'`
    for (const sub of place.subcommands) {
      lines.push(`complete -c shale ${here} -f -a '${sub.name}' -d '${sub.summary}'`)
    }
    for (const choice of place.choices) lines.push(`complete -c shale ${here} -f -a '${choice}'`)
    if (place.values === 'images') {
      lines.push(`complete -c shale ${here} -f -a '(${LIST_IMAGES.replaceAll("'", '"')})'`)
    } else if (place.values === 'files') lines.push(`complete -c shale ${here} -F`)
    for (const option of place.options) {
      const flags = option.flags.map((flag) =>
        flag.startsWith('--') ? `-l '${flag.slice(2)}'` : `-s '${flag.slice(1)}'`,
      )
      const value = option.choices.length > 0 ? ` -x -a '${option.choices.join(' ')}'` : ' -r'
      lines.push(
        `complete -c shale ${here} ${flags.join(' ')}${option.takesValue ? value : ''} -d '${option.summary}'`,
      )
    }
  }
  return `# fish completion for shale. Made by: shale completion fish
function __shale_at
  set -l place
  set -l skip
  for word in (commandline -opc)[2..-1]
    if test -n "$skip"
      set skip
      continue
    end
    switch $word
      case ${valueOptions(places)
        .map((flag) => `'${flag}'`)
        .join(' ')}
        set skip 1
      case '-*'
      case '*'
        set -l longer (string trim -- "$place $word")
        contains -- $longer ${places
          .map((place) => place.words)
          .filter((words) => words !== '')
          .map((words) => `'${words}'`)
          .join(' ')}
        and set place $longer
    end
  end
  test "$place" = "$argv[1]"
end
complete -c shale -f
${lines.join('\n')}
`
}
