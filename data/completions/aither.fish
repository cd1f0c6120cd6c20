# SPDX-License-Identifier: MIT
# Completion of aither(1) for fish.

set -l commands sync status doctor config render set-secret test-mail test-rollbar help
set -l no_command "not __fish_seen_subcommand_from $commands"

complete -c aither -f
complete -c aither -n $no_command -l config -r -F -d 'Read this file'
complete -c aither -n $no_command -l version -d 'Show the version'
complete -c aither -l help -d 'Show the usage'

complete -c aither -n $no_command -a sync -d 'Fetch courses from Hemera and publish the pages that changed'
complete -c aither -n $no_command -a status -d 'Show whether aither is healthy, the last sync and the next one'
complete -c aither -n $no_command -a doctor -d 'Find problems, and show the commands that fix them'
complete -c aither -n $no_command -a config -d 'Print the effective configuration'
complete -c aither -n $no_command -a render -d 'Print a template filled with JSON data'
complete -c aither -n $no_command -a set-secret -d 'Store a secret'
complete -c aither -n $no_command -a test-mail -d 'Have the worker send a test mail to MailTo'
complete -c aither -n $no_command -a test-rollbar -d 'Have the worker send a test item to Rollbar'
complete -c aither -n $no_command -a help -d 'List the commands, or explain one with its options'
complete -c aither -n '__fish_seen_subcommand_from help' -a "$commands"

complete -c aither -n '__fish_seen_subcommand_from sync' -l no-wait -d 'Start the sync and return'
complete -c aither -n '__fish_seen_subcommand_from sync' -l until-complete -d 'Run syncs until every course has been read'
complete -c aither -n '__fish_seen_subcommand_from sync' -l force -d 'Accept a much shorter list, and remove all pages that are gone'
complete -c aither -n '__fish_seen_subcommand_from sync' -l dry-run -d 'Change nothing, list the pages that would change'
complete -c aither -n '__fish_seen_subcommand_from sync status doctor config test-mail test-rollbar' -l json -d 'Print JSON'
complete -c aither -n '__fish_seen_subcommand_from render' -l template -r -F -d 'The template'
complete -c aither -n '__fish_seen_subcommand_from render' -l data -r -F -d 'The data'
complete -c aither -n '__fish_seen_subcommand_from render' -l partials -x -a '(__fish_complete_directories)' -d 'Directory of partials'
complete -c aither -n '__fish_seen_subcommand_from set-secret' -a 'hemera-api-key sync-token pages-password smtp-password rollbar-token'
complete -c aither -n '__fish_seen_subcommand_from set-secret' -l generate -d 'Generate a random secret and print it'
