#!/bin/sh
# Builds the embedded runner, one static executable: build.sh OUTPUT
# CFLAGS chooses the processor level; -O3 and a level matter tenfold for speed.
set -eu
cd "$(dirname "$0")/../.."
out=${1:?usage: build.sh OUTPUT}
flags=${CFLAGS:--O3 -march=native}
CGO_ENABLED=1 CGO_CFLAGS="$flags" CGO_CXXFLAGS="$flags" go build -trimpath -tags netgo,osusergo,grpcnotrace \
	-ldflags "-s -w -linkmode external -extldflags '-static' -X 'main.engineFlags=$flags' -X main.version=${VERSION:-dev}" \
	-o "$out" ./plugins/local
