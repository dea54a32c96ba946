#!/bin/sh
# Builds the embedded runner, one static executable: build.sh OUTPUT
# CGO_CFLAGS chooses the processor level; -O3 and a level matter tenfold for speed.
# grpcnotrace leaves out net/trace, whose templates keep the linker from dropping
# anything.
set -eu
cd "$(dirname "$0")/../.."
out=${1:?usage: build.sh OUTPUT}
flags=${CGO_CFLAGS:--O3 -march=native}
CGO_ENABLED=1 CGO_CFLAGS="$flags" CGO_CXXFLAGS="$flags" go build -trimpath -tags netgo,osusergo,grpcnotrace \
	-ldflags "-s -w -linkmode external -extldflags '-static -Wl,--gc-sections' -X 'main.engineFlags=$flags' -X main.version=${VERSION:-dev}" \
	-o "$out" ./plugins/local
