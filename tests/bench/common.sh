# What the benchmarks share; $work is a directory of their own, $report is yes where the clock decides nothing.
# shellcheck shell=sh

fail() {
    echo "$0: $1" >&2
    exit 1
}

build() { # NAME FLAG…
    name=$1
    shift
    ${CC:-cc} -O2 -Wall -Wextra -o "$work/$name" "tests/bench/$name.c" "$@" ||
        fail "$name.c does not build; tests/setup installs what it needs"
}

# What every contender inherits: little, and the same on every machine.
clean() {
    env -i PATH=/usr/bin:/bin HOME=/ LC_ALL=C "$@"
}

# Of what race wrote.
median() {
    awk -v name="$1" '$1 == name { print $2 }' "$work/times"
}

# How many times as long the first took as the second.
ratio() {
    awk "BEGIN { printf \"%.2f\", $(median "$1") / $(median "$2") }"
}

status=0
gate() { # exact|clock WHAT VALUE LIMIT [AIM]
    aim=${5:+, aim $5}
    if awk "BEGIN { exit !($3 <= $4) }"; then
        echo "PASS  $2: $3 (limit $4$aim)"
    else
        echo "FAIL  $2: $3 (limit $4$aim)"
        [ "$1$report" = clockyes ] || status=1
    fi
}
