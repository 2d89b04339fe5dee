# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_inject_global_optspecs
    string join \n c/config= require-config pod= e/env= env-file= f/file= file-mode= file-owner= s/store= scope= as= pristine keep= drop= on-conflict= no-scan allow-args dialect= mode= group rewrite-signal= kill-after= exit-map= parent-death-signal= user= no-new-privs caps= chdir= umask= timeout= retries= log-format= q/quiet v/verbose h/help V/version
end

function __fish_inject_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_inject_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_inject_using_subcommand
    set -l cmd (__fish_inject_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c inject -n "__fish_inject_needs_command" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_needs_command" -l pod -d 'Use this pod\'s definition, fetched from the Tapis store, as the first configuration' -r
complete -c inject -n "__fish_inject_needs_command" -s e -l env -d 'One variable; NAME alone passes the inherited one on' -r
complete -c inject -n "__fish_inject_needs_command" -l env-file -d 'Dotenv file whose values are templates' -r
complete -c inject -n "__fish_inject_needs_command" -s f -l file -d 'One in-memory file' -r
complete -c inject -n "__fish_inject_needs_command" -l file-mode -d 'Mode of files, octal [default: 0400]' -r
complete -c inject -n "__fish_inject_needs_command" -l file-owner -d 'Owner of files' -r
complete -c inject -n "__fish_inject_needs_command" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_needs_command" -l scope -d 'The scope to resolve in, for stores that have scopes' -r
complete -c inject -n "__fish_inject_needs_command" -l as -d 'The application to resolve for, in stores that grant secrets to applications' -r
complete -c inject -n "__fish_inject_needs_command" -l keep -d 'Inherited variables to pass on' -r
complete -c inject -n "__fish_inject_needs_command" -l drop -d 'Inherited variables not to pass on' -r
complete -c inject -n "__fish_inject_needs_command" -l on-conflict -d 'When an injected name is inherited with another value [default: inject]' -r -f -a "error\t''
inject\t''
inherit\t''"
complete -c inject -n "__fish_inject_needs_command" -l dialect -d 'How references are read [default: strict]' -r -f -a "strict\t''
tapis\t''"
complete -c inject -n "__fish_inject_needs_command" -l mode -d 'Become the command, or stay as its init; auto stays where an option needs it [default: auto]' -r -f -a "auto\t''
exec\t''
supervise\t''"
complete -c inject -n "__fish_inject_needs_command" -l rewrite-signal -d 'Pass TO on in place of FROM, nothing where TO is 0' -r
complete -c inject -n "__fish_inject_needs_command" -l kill-after -d 'Kill a command that runs so long after TERM, INT or QUIT was passed on' -r
complete -c inject -n "__fish_inject_needs_command" -l exit-map -d 'End with TO where the command ends with FROM; 128+N is its death by signal N' -r
complete -c inject -n "__fish_inject_needs_command" -l parent-death-signal -d 'What the command gets when whoever started it dies' -r
complete -c inject -n "__fish_inject_needs_command" -l user -d 'Who the command is to be; names of /etc/passwd and /etc/group, or numbers' -r
complete -c inject -n "__fish_inject_needs_command" -l caps -d 'Capabilities that the command is not to have, nor to gain; drop=all' -r
complete -c inject -n "__fish_inject_needs_command" -l chdir -d 'Where the command starts' -r -f -a "(__fish_complete_directories)"
complete -c inject -n "__fish_inject_needs_command" -l umask -d 'The command\'s umask, octal' -r
complete -c inject -n "__fish_inject_needs_command" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_needs_command" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_needs_command" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_needs_command" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_needs_command" -l pristine -d 'Pass no inherited variable on but what --keep matches'
complete -c inject -n "__fish_inject_needs_command" -l no-scan -d 'Do not look for references in inherited variables'
complete -c inject -n "__fish_inject_needs_command" -l allow-args -d 'Resolve references in the command\'s arguments, which every user can read'
complete -c inject -n "__fish_inject_needs_command" -l group -d 'Pass signals on to the command\'s whole process group'
complete -c inject -n "__fish_inject_needs_command" -l no-new-privs -d 'No program that the command starts gains privileges'
complete -c inject -n "__fish_inject_needs_command" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_needs_command" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_needs_command" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_needs_command" -s V -l version -d 'Print version'
complete -c inject -n "__fish_inject_needs_command" -a "check" -d 'Is the configuration right? Reads no value'
complete -c inject -n "__fish_inject_needs_command" -a "plan" -d 'What would be injected, from where, and why that layer won. Reads no value'
complete -c inject -n "__fish_inject_needs_command" -a "stores" -d 'The kinds of stores, those configured, and what each can do'
complete -c inject -n "__fish_inject_needs_command" -a "secret" -d 'Manage the secrets of a store'
complete -c inject -n "__fish_inject_needs_command" -a "doctor" -d 'What this machine allows, what it means, and what to do'
complete -c inject -n "__fish_inject_needs_command" -a "completions" -d 'Print a shell\'s completions'
complete -c inject -n "__fish_inject_needs_command" -a "man" -d 'Print the manual page, for `man -l -`'
complete -c inject -n "__fish_inject_using_subcommand check" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l pod -d 'Use this pod\'s definition, fetched from the Tapis store, as the first configuration' -r
complete -c inject -n "__fish_inject_using_subcommand check" -s e -l env -d 'One variable; NAME alone passes the inherited one on' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l env-file -d 'Dotenv file whose values are templates' -r
complete -c inject -n "__fish_inject_using_subcommand check" -s f -l file -d 'One in-memory file' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l file-mode -d 'Mode of files, octal [default: 0400]' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l file-owner -d 'Owner of files' -r
complete -c inject -n "__fish_inject_using_subcommand check" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l scope -d 'The scope to resolve in, for stores that have scopes' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l as -d 'The application to resolve for, in stores that grant secrets to applications' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l keep -d 'Inherited variables to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l drop -d 'Inherited variables not to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l on-conflict -d 'When an injected name is inherited with another value [default: inject]' -r -f -a "error\t''
inject\t''
inherit\t''"
complete -c inject -n "__fish_inject_using_subcommand check" -l dialect -d 'How references are read [default: strict]' -r -f -a "strict\t''
tapis\t''"
complete -c inject -n "__fish_inject_using_subcommand check" -l mode -d 'Become the command, or stay as its init; auto stays where an option needs it [default: auto]' -r -f -a "auto\t''
exec\t''
supervise\t''"
complete -c inject -n "__fish_inject_using_subcommand check" -l rewrite-signal -d 'Pass TO on in place of FROM, nothing where TO is 0' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l kill-after -d 'Kill a command that runs so long after TERM, INT or QUIT was passed on' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l exit-map -d 'End with TO where the command ends with FROM; 128+N is its death by signal N' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l parent-death-signal -d 'What the command gets when whoever started it dies' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l user -d 'Who the command is to be; names of /etc/passwd and /etc/group, or numbers' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l caps -d 'Capabilities that the command is not to have, nor to gain; drop=all' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l chdir -d 'Where the command starts' -r -f -a "(__fish_complete_directories)"
complete -c inject -n "__fish_inject_using_subcommand check" -l umask -d 'The command\'s umask, octal' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand check" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand check" -l online -d 'Ask the stores, too, whether each secret is there and may be read'
complete -c inject -n "__fish_inject_using_subcommand check" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand check" -l pristine -d 'Pass no inherited variable on but what --keep matches'
complete -c inject -n "__fish_inject_using_subcommand check" -l no-scan -d 'Do not look for references in inherited variables'
complete -c inject -n "__fish_inject_using_subcommand check" -l allow-args -d 'Resolve references in the command\'s arguments, which every user can read'
complete -c inject -n "__fish_inject_using_subcommand check" -l group -d 'Pass signals on to the command\'s whole process group'
complete -c inject -n "__fish_inject_using_subcommand check" -l no-new-privs -d 'No program that the command starts gains privileges'
complete -c inject -n "__fish_inject_using_subcommand check" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand check" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand check" -l json -d 'Print JSON'
complete -c inject -n "__fish_inject_using_subcommand check" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand plan" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l pod -d 'Use this pod\'s definition, fetched from the Tapis store, as the first configuration' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -s e -l env -d 'One variable; NAME alone passes the inherited one on' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l env-file -d 'Dotenv file whose values are templates' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -s f -l file -d 'One in-memory file' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l file-mode -d 'Mode of files, octal [default: 0400]' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l file-owner -d 'Owner of files' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l scope -d 'The scope to resolve in, for stores that have scopes' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l as -d 'The application to resolve for, in stores that grant secrets to applications' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l keep -d 'Inherited variables to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l drop -d 'Inherited variables not to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l on-conflict -d 'When an injected name is inherited with another value [default: inject]' -r -f -a "error\t''
inject\t''
inherit\t''"
complete -c inject -n "__fish_inject_using_subcommand plan" -l dialect -d 'How references are read [default: strict]' -r -f -a "strict\t''
tapis\t''"
complete -c inject -n "__fish_inject_using_subcommand plan" -l mode -d 'Become the command, or stay as its init; auto stays where an option needs it [default: auto]' -r -f -a "auto\t''
exec\t''
supervise\t''"
complete -c inject -n "__fish_inject_using_subcommand plan" -l rewrite-signal -d 'Pass TO on in place of FROM, nothing where TO is 0' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l kill-after -d 'Kill a command that runs so long after TERM, INT or QUIT was passed on' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l exit-map -d 'End with TO where the command ends with FROM; 128+N is its death by signal N' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l parent-death-signal -d 'What the command gets when whoever started it dies' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l user -d 'Who the command is to be; names of /etc/passwd and /etc/group, or numbers' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l caps -d 'Capabilities that the command is not to have, nor to gain; drop=all' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l chdir -d 'Where the command starts' -r -f -a "(__fish_complete_directories)"
complete -c inject -n "__fish_inject_using_subcommand plan" -l umask -d 'The command\'s umask, octal' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand plan" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand plan" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand plan" -l pristine -d 'Pass no inherited variable on but what --keep matches'
complete -c inject -n "__fish_inject_using_subcommand plan" -l no-scan -d 'Do not look for references in inherited variables'
complete -c inject -n "__fish_inject_using_subcommand plan" -l allow-args -d 'Resolve references in the command\'s arguments, which every user can read'
complete -c inject -n "__fish_inject_using_subcommand plan" -l group -d 'Pass signals on to the command\'s whole process group'
complete -c inject -n "__fish_inject_using_subcommand plan" -l no-new-privs -d 'No program that the command starts gains privileges'
complete -c inject -n "__fish_inject_using_subcommand plan" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand plan" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand plan" -l json -d 'Print JSON'
complete -c inject -n "__fish_inject_using_subcommand plan" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand stores" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l pod -d 'Use this pod\'s definition, fetched from the Tapis store, as the first configuration' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -s e -l env -d 'One variable; NAME alone passes the inherited one on' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l env-file -d 'Dotenv file whose values are templates' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -s f -l file -d 'One in-memory file' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l file-mode -d 'Mode of files, octal [default: 0400]' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l file-owner -d 'Owner of files' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l scope -d 'The scope to resolve in, for stores that have scopes' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l as -d 'The application to resolve for, in stores that grant secrets to applications' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l keep -d 'Inherited variables to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l drop -d 'Inherited variables not to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l on-conflict -d 'When an injected name is inherited with another value [default: inject]' -r -f -a "error\t''
inject\t''
inherit\t''"
complete -c inject -n "__fish_inject_using_subcommand stores" -l dialect -d 'How references are read [default: strict]' -r -f -a "strict\t''
tapis\t''"
complete -c inject -n "__fish_inject_using_subcommand stores" -l mode -d 'Become the command, or stay as its init; auto stays where an option needs it [default: auto]' -r -f -a "auto\t''
exec\t''
supervise\t''"
complete -c inject -n "__fish_inject_using_subcommand stores" -l rewrite-signal -d 'Pass TO on in place of FROM, nothing where TO is 0' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l kill-after -d 'Kill a command that runs so long after TERM, INT or QUIT was passed on' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l exit-map -d 'End with TO where the command ends with FROM; 128+N is its death by signal N' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l parent-death-signal -d 'What the command gets when whoever started it dies' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l user -d 'Who the command is to be; names of /etc/passwd and /etc/group, or numbers' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l caps -d 'Capabilities that the command is not to have, nor to gain; drop=all' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l chdir -d 'Where the command starts' -r -f -a "(__fish_complete_directories)"
complete -c inject -n "__fish_inject_using_subcommand stores" -l umask -d 'The command\'s umask, octal' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand stores" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand stores" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand stores" -l pristine -d 'Pass no inherited variable on but what --keep matches'
complete -c inject -n "__fish_inject_using_subcommand stores" -l no-scan -d 'Do not look for references in inherited variables'
complete -c inject -n "__fish_inject_using_subcommand stores" -l allow-args -d 'Resolve references in the command\'s arguments, which every user can read'
complete -c inject -n "__fish_inject_using_subcommand stores" -l group -d 'Pass signals on to the command\'s whole process group'
complete -c inject -n "__fish_inject_using_subcommand stores" -l no-new-privs -d 'No program that the command starts gains privileges'
complete -c inject -n "__fish_inject_using_subcommand stores" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand stores" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand stores" -l json -d 'Print JSON'
complete -c inject -n "__fish_inject_using_subcommand stores" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "init" -d 'Make the local store, and an identity that opens it'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "add" -d 'Add a secret, its value from standard input or a prompt'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "get" -d 'Write a secret\'s value, and nothing more, to standard output'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "list" -d 'List the secrets, without their values'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "show" -d 'Show what is known of a secret, without its value'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "update" -d 'Change a secret\'s value, what is said of it, or both'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "rm" -d 'Remove secrets, or revisions of them'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "alias" -d 'Give a secret\'s value a second name in a narrower scope'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "override" -d 'Give a secret\'s name another value in a narrower scope'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "grant" -d 'Let applications have a secret'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "revoke" -d 'Take a secret away from applications'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "history" -d 'List the revisions of a secret, without their values'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "import" -d 'Add the secrets of a file'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "export" -d 'Write secrets with their values to standard output'
complete -c inject -n "__fish_inject_using_subcommand secret; and not __fish_seen_subcommand_from init add get list show update rm alias override grant revoke history import export copy" -f -a "copy" -d 'Copy secrets from one store to another, and tell what that one cannot hold'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l recipient -d 'Encrypt to this age public key too; repeatable' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from init" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l file -d 'Take the value from this file; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l field -d 'Take this field from a file, `@-` for standard input, or a prompt; repeatable' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l fields -d 'Take all fields from this file, JSON of strings or dotenv; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l random -d 'Make a random password of N characters, 8 to 128, the value' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l pod -d 'The pod that the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l description -d 'What the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l label -d 'A second name, which references may use' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l readable -d 'Whether `get` gives the value out; commands get it always' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l writable -d 'Whether `update` may change the value' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l visibility -d 'Who sees it: private, tenant, global' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l hidden -d 'Whether its creator alone reads the value' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l schema -d 'The JSON schema that the value keeps to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l provider -d 'Who has the value in its system\'s place' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l provider-options -d 'What the provider is told, JSON' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l mount-path -d 'The file that commands get the value in' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l interpolation -d 'Whether `{{NAME}}` in that file is filled in' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l auto-prune -d 'Remove older revisions, now and with each new value; they are lost' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l replace -d 'Replace a secret that has the name'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l revision -d 'This revision, as NAME@N' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l reveal -d 'Even where that is a terminal'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l revision -d 'This revision, as NAME@N' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l file -d 'Take the value from this file; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l field -d 'Take this field from a file, `@-` for standard input, or a prompt; repeatable' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l fields -d 'Take all fields from this file, JSON of strings or dotenv; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l random -d 'Make a random password of N characters, 8 to 128, the value' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l description -d 'What the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l label -d 'A second name, which references may use' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l new-name -d 'Give the secret another name' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l visibility -d 'Who sees it: private, tenant, global' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l hidden -d 'Whether its creator alone reads the value' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l provider -d 'Who has the value in its system\'s place' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l provider-options -d 'What the provider is told, JSON' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l interpolation -d 'Whether `{{NAME}}` in that file is filled in' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l auto-prune -d 'Remove older revisions, now and with each new value; they are lost' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l revision -d 'This revision, as NAME@N' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s y -l yes -d 'Do not ask'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from rm" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l description -d 'What the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from alias" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l file -d 'Take the value from this file; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l field -d 'Take this field from a file, `@-` for standard input, or a prompt; repeatable' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l fields -d 'Take all fields from this file, JSON of strings or dotenv; `-` is standard input' -r -F
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l random -d 'Make a random password of N characters, 8 to 128, the value' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l description -d 'What the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l interpolation -d 'Whether `{{NAME}}` in that file is filled in' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from override" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l visibility -d 'Who sees it: private, tenant, global' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from grant" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l format -d 'How the file is written' -r -f -a "dotenv\t''
json\t''
age\t''
cloudify\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l pod -d 'The pod that the secret is for' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l readable -d 'Whether `get` gives the value out; commands get it always' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l writable -d 'Whether `update` may change the value' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l visibility -d 'Who sees it: private, tenant, global' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l hidden -d 'Whether its creator alone reads the value' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l schema -d 'The JSON schema that the value keeps to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l mount-path -d 'The file that commands get the value in' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l passphrase-file -d 'Values are encrypted with what this file holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l replace -d 'Replace secrets that have the names'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s y -l yes -d 'Do not ask'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l json -d 'Print metadata as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from import" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l format -d 'How the file is written' -r -f -a "dotenv\t''
json\t''
age\t''
cloudify\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l scope -d 'Where the secret holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l id -d 'The id of what the scope is: a project, an environment, a service' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l tenant -d 'The tenant that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l cluster -d 'The cluster that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l org -d 'The organisation that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l project -d 'The project that it belongs to' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l plain -d 'A variable, whose value its system shows, and no secret' -r -f -a "true\t''
false\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l passphrase-file -d 'Values are encrypted with what this file holds' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l recipient -d 'Encrypt to this age public key too; repeatable' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l reveal -d 'Even where that is a terminal'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l from -d 'The store that has them: one of the configuration, or a kind' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l to -d 'The store that gets them' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l from-scope -d 'Copy what holds in this scope, in stores that have scopes' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l from-id -d 'The id of what that scope is, in stores that tell scopes apart by one' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l to-scope -d 'Where the copies hold' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l to-id -d 'The id of what that scope is' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l dry-run -d 'Read and report, and write nothing'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l replace -d 'Replace secrets that have the names'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s y -l yes -d 'Do not ask'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l json -d 'Print the report as JSON'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand secret; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand doctor" -s c -l config -d 'Configuration, JSON or TOML; later ones win key by key; - is standard input' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l pod -d 'Use this pod\'s definition, fetched from the Tapis store, as the first configuration' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -s e -l env -d 'One variable; NAME alone passes the inherited one on' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l env-file -d 'Dotenv file whose values are templates' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -s f -l file -d 'One in-memory file' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l file-mode -d 'Mode of files, octal [default: 0400]' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l file-owner -d 'Owner of files' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -s s -l store -d 'The default store' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l scope -d 'The scope to resolve in, for stores that have scopes' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l as -d 'The application to resolve for, in stores that grant secrets to applications' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l keep -d 'Inherited variables to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l drop -d 'Inherited variables not to pass on' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l on-conflict -d 'When an injected name is inherited with another value [default: inject]' -r -f -a "error\t''
inject\t''
inherit\t''"
complete -c inject -n "__fish_inject_using_subcommand doctor" -l dialect -d 'How references are read [default: strict]' -r -f -a "strict\t''
tapis\t''"
complete -c inject -n "__fish_inject_using_subcommand doctor" -l mode -d 'Become the command, or stay as its init; auto stays where an option needs it [default: auto]' -r -f -a "auto\t''
exec\t''
supervise\t''"
complete -c inject -n "__fish_inject_using_subcommand doctor" -l rewrite-signal -d 'Pass TO on in place of FROM, nothing where TO is 0' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l kill-after -d 'Kill a command that runs so long after TERM, INT or QUIT was passed on' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l exit-map -d 'End with TO where the command ends with FROM; 128+N is its death by signal N' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l parent-death-signal -d 'What the command gets when whoever started it dies' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l user -d 'Who the command is to be; names of /etc/passwd and /etc/group, or numbers' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l caps -d 'Capabilities that the command is not to have, nor to gain; drop=all' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l chdir -d 'Where the command starts' -r -f -a "(__fish_complete_directories)"
complete -c inject -n "__fish_inject_using_subcommand doctor" -l umask -d 'The command\'s umask, octal' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l timeout -d 'One deadline for all of resolving [default: 30s]' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l retries -d 'How often a request to a remote store is made again [default: 3]' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l log-format -d 'Form of messages on standard error [default: text]' -r -f -a "text\t''
json\t''"
complete -c inject -n "__fish_inject_using_subcommand doctor" -l pid -d 'Who could read what this process holds, in place of what the machine allows' -r
complete -c inject -n "__fish_inject_using_subcommand doctor" -l require-config -d 'No configuration found is an error'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l pristine -d 'Pass no inherited variable on but what --keep matches'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l no-scan -d 'Do not look for references in inherited variables'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l allow-args -d 'Resolve references in the command\'s arguments, which every user can read'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l group -d 'Pass signals on to the command\'s whole process group'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l no-new-privs -d 'No program that the command starts gains privileges'
complete -c inject -n "__fish_inject_using_subcommand doctor" -s q -l quiet -d 'Errors only'
complete -c inject -n "__fish_inject_using_subcommand doctor" -s v -l verbose -d 'Say what is done'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l json -d 'Print JSON'
complete -c inject -n "__fish_inject_using_subcommand doctor" -l strict -d 'End with 125 when something is amiss'
complete -c inject -n "__fish_inject_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand completions" -s h -l help -d 'Print help'
complete -c inject -n "__fish_inject_using_subcommand man" -s h -l help -d 'Print help'
