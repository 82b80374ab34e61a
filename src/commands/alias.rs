//! `docker sandbox alias SHELL`: a function named `docker` that puts `sandbox` before `run` and
//! `create`, wherever Docker's global options leave them.

use clap::ArgMatches;

use crate::ui;

/// bash and zsh. `for` goes over the words as they were; each is appended and the first dropped,
/// so that after the last one the list is whole again, with `sandbox` in its place.
const POSIX: &str = r#"unalias docker 2>/dev/null || :
function docker {
  local __word __state=options
  for __word do
    shift
    case "$__state:$__word" in
      value:*) __state=options ;;
      options:--config|options:--context|options:--host|options:--log-level) __state=value ;;
      options:--tlscacert|options:--tlscert|options:--tlskey) __state=value ;;
      options:--*) ;;
      options:-[cHl]|options:-[Dv][cHl]|options:-[Dv][Dv][cHl]) __state=value ;;
      options:-*) ;;
      options:container) __state=container; continue ;;
      options:run|options:create|container:run|container:create) __state=rest; set -- "$@" sandbox ;;
      container:*) __state=rest; set -- "$@" container ;;
      options:*) __state=rest ;;
    esac
    set -- "$@" "$__word"
  done
  [ "$__state" != container ] || set -- "$@" container
  command docker "$@"
}
"#;

const FISH: &str = r"function docker --wraps docker
    set -l before
    set -l state options
    set -l rest $argv
    while set -q rest[1]
        set -l word $rest[1]
        if test $state = value
            set state options
        else
            switch $word
                case --config --context --host --log-level --tlscacert --tlscert --tlskey
                    set state value
                case '--*'
                case -{,D,v,DD,Dv,vD,vv}{c,H,l}
                    set state value
                case '-*'
                case '*'
                    break
            end
        end
        set -a before $word
        set -e rest[1]
    end
    if contains -- $rest[1] run create
        set -a before sandbox
    else if test (count $rest) -gt 1; and test $rest[1] = container; and contains -- $rest[2] run create
        set -a before sandbox
        set -e rest[1]
    end
    command docker $before $rest
end
";

pub(super) fn run(matches: &ArgMatches) -> anyhow::Result<()> {
    let shell = matches.get_one::<String>("shell").map(String::as_str);
    ui::out(if shell == Some("fish") { FISH } else { POSIX })
}
