# fish completion for tcpwhy. The causes come from the program itself: `tcpwhy --list-causes`.

function __tcpwhy_filters
    set -l word (string replace -r -- '^--filter=' '' (commandline -ct) | string trim -l -c '\'"')
    if not string match -q -- 'cause=*' $word
        printf '%s\n' cause= endpoint= 'severity>='note 'severity>='warn 'severity>='error
        return
    end
    set -l program (commandline -po)[1]
    set -l before (string match -r -- '^.*[=,]' $word)
    set -l given (string split , -- (string replace cause= '' -- $before))
    for line in (eval (string escape -- $program) --list-causes 2>/dev/null)
        contains -- (string split \t -- $line)[1] $given; or printf '%s%s\n' $before $line
    end
end

set -l reports 'not __fish_seen_subcommand_from profile'
set -l parts '__fish_seen_subcommand_from profile merge'

complete -c tcpwhy -n __fish_use_subcommand -a profile -d 'Write the part of a whole'
complete -c tcpwhy -n __fish_use_subcommand -a merge -d 'Join parts'

complete -c tcpwhy -s h -l help -d 'Print how it is called'
complete -c tcpwhy -n "not $parts" -l version -d 'Print the version'
complete -c tcpwhy -n "not $parts" -l list-causes -d 'Print the causes'

complete -c tcpwhy -n $reports -l all -d 'Show findings of severity chat in full, too'
complete -c tcpwhy -n $reports -l format -xa 'text json ndjson csv' -d 'The form of the report'
complete -c tcpwhy -n $reports -l filter -xa '(__tcpwhy_filters)' -d 'Only findings of these causes, severities, endpoints'
complete -c tcpwhy -n "not $parts" -s w -l write -rF -d 'Carve the streams with incidents into a pcapng'
complete -c tcpwhy -n "not $parts" -l neighbours -d 'Carve what their clients and servers said elsewhere meanwhile, too'
complete -c tcpwhy -n $reports -l colour -xa 'auto always never' -d 'Colours in the report'
complete -c tcpwhy -l progress -xa 'auto always never' -d 'A progress bar'
complete -c tcpwhy -n $reports -l width -x -d 'Characters in a line'
complete -c tcpwhy -n $reports -l time-wait -x -d 'How long TIME_WAIT lasts, in seconds'
complete -c tcpwhy -n $reports -l idle-gap -x -d 'The smallest silence that counts as idle, in seconds'

complete -c tcpwhy -n '__fish_seen_subcommand_from profile' -l shard -x -d 'Only this part of the connections: I/N'
complete -c tcpwhy -n $parts -s o -l output -rF -d 'The part to write'
