#!/bin/sh
# An input in plain sh, as it was written before version 1 of the protocol: it reads its command line, prints envelopes, ends.
set -eu

read -r command
count=$(printf '%s\n' "$command" | sed -n 's/.*"count": *\([0-9][0-9]*\).*/\1/p')

n=0
while [ "$n" -lt "${count:-10}" ]; do
    n=$((n + 1))
    printf '{"data":{"n":%d,"square":%d},"metadata":{"TableName":"numbers"}}\n' "$n" "$((n * n))"
done
echo "counted to $n" >&2 # standard error is the log
