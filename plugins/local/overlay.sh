#!/bin/sh
# Prints an overlay for go build (go help build, -overlay) with which the runners
# of some levels, bin/skerry-runner-LEVEL.zst, are embedded in place of the one for
# this machine: overlay.sh LEVEL... For arm64 the converter is replaced, too.
set -eu
cd "$(dirname "$0")/../.."
printf '{"Replace": {\n'
for level in "$@"; do
	for part in zst needs; do
		printf '\t"%s": "%s",\n' "$PWD/embed/build/skerry-runner-$level.$part" "$PWD/bin/skerry-runner-$level.$part"
	done
	if [ "$level" = arm64 ]; then
		printf '\t"%s": "%s",\n' "$PWD/embed/build/skerry-converter.zst" "$PWD/bin/skerry-converter-arm64.zst"
	fi
done
printf '\t"%s": "",\n\t"%s": ""\n}}\n' "$PWD/embed/build/skerry-runner.zst" "$PWD/embed/build/skerry-runner.needs"
