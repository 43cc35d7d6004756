#!/bin/sh
# A version-1 output in plain sh: each record is appended to a file and on disk before it is acknowledged.
# keep.sh.provider.json beside it is its manifest.
set -eu

read -r command || exit 0
case $command in
*'"command":"describe"'*)
    cat "$0.provider.json"
    exit
    ;;
esac
path=$(printf '%s\n' "$command" | sed -n 's/.*"path": *"\([^"]*\)".*/\1/p')
if [ -z "$path" ]; then
    echo '{"status":"error","message":"the option path is missing","problems":[{"path":["path"],"message":"required"}]}'
    exit 2
fi

echo '{"status":"ready","protocol":1,"role":"output","capabilities":["ack"]}'
count=0
# A line without its newline is no line: read says no to it, and it is not delivered.
while IFS= read -r line; do
    printf '%s\n' "$line" >>"$path"
    sync "$path"
    count=$((count + 1))
    printf '{"$dstream":{"ack":%d}}\n' "$count"
done
