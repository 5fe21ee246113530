# bash completion for tcpwhy. The causes come from the program itself: `tcpwhy --list-causes`.
#
# Model: words end at blanks alone here, for bash also cuts them at = and :, which are parts of a filter. What bash wouldn't
# replace is taken off what is offered in the end. Needs no bash-completion; files are left to bash's own completion.

# _tcpwhy_offer WORD…: those that go on as `value` does, the word under the cursor or what of it stands behind an option's =.
_tcpwhy_offer() {
  local candidate quoted=${value#[\'\"]}
  for candidate; do
    [[ $candidate == "$quoted"* ]] || continue
    if [[ $value != "$quoted" ]]; then
      COMPREPLY+=("$candidate")  # behind a quote that the user opened: bash keeps it, and closes it
    elif [[ $candidate == *'>'* ]]; then
      COMPREPLY+=("'$candidate'")
    else
      COMPREPLY+=("${candidate:${#kept}}")
    fi
  done
}

# Neither words nor files.
_tcpwhy_nothing() { compopt +o default +o bashdefault 2>/dev/null; }

_tcpwhy_filter() {
  local bare=${value#[\'\"]} before cause
  case $bare in
    cause=*)
      before=${bare%"${bare##*[=,]}"}
      while IFS=$'\t' read -r cause _; do
        [[ ,${before#cause=} == *",$cause,"* ]] || _tcpwhy_offer "$before$cause"
      done < <("$program" --list-causes 2>/dev/null)
      ;;
    endpoint=*) ;;
    *) _tcpwhy_offer cause= endpoint= 'severity>=note' 'severity>=warn' 'severity>=error' ;;
  esac
  compopt -o nospace 2>/dev/null  # a value or a comma may follow
  ((${#COMPREPLY[@]})) || _tcpwhy_nothing
}

_tcpwhy() {
  local program=$1 line=${COMP_LINE:0:COMP_POINT} word words value option='' kept=''
  word=${line##*[[:blank:]]}
  read -ra words <<<"${line%"$word"}"
  COMPREPLY=()

  value=$word
  case $word in
    --*=*) option=${word%%=*} value=${word#*=} ;;
    *) ((${#words[@]} < 2)) || option=${words[-1]} ;;
  esac
  # Up to here bash keeps the word.
  [[ $COMP_WORDBREAKS != *=* ]] || kept=${value%"${value##*[=:]}"}

  case $option in
    --format) _tcpwhy_offer text json ndjson csv && return ;;
    --colour | --progress) _tcpwhy_offer auto always never && return ;;
    --filter) _tcpwhy_filter && return ;;
    --width | --time-wait | --idle-gap | --shard) _tcpwhy_nothing && return ;;
    --write | -w | --output | -o) return ;;
  esac
  local report=(--all --format --filter --colour --progress --width --time-wait --idle-gap)
  case $word in
    -*)
      case ${words[1]:-} in
        profile) _tcpwhy_offer --help -h --output -o --shard --progress ;;
        merge) _tcpwhy_offer --help -h "${report[@]}" --output -o ;;
        *) _tcpwhy_offer --help -h --version --list-causes "${report[@]}" --write -w --neighbours ;;
      esac
      ;;
    *)
      ((${#words[@]} == 1)) || return
      _tcpwhy_offer profile merge
      # Both, since what is offered takes the place of bash's own.
      ((${#COMPREPLY[@]})) || return
      local file
      compopt -o filenames 2>/dev/null
      while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -f -- "$word")
      ;;
  esac
}
complete -o bashdefault -o default -F _tcpwhy tcpwhy
