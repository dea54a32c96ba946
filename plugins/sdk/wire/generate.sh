#!/bin/sh
# Writes provider.pb.go and provider_grpc.pb.go from provider.proto.
# `generate.sh -check` writes nothing and fails if they differ.
# Needs protoc 3.21 or later (Debian: protobuf-compiler); the two Go plugins
# are built here at the versions below, which name themselves in the output.
set -eu
cd "$(dirname "$0")"
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
command -v protoc >/dev/null || { echo "protoc is missing: apt-get install protobuf-compiler" >&2; exit 1; }
GOBIN="$tools" go install google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
GOBIN="$tools" go install google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.0
out=.
[ "${1:-}" = -check ] && out=$(mktemp -d "$tools/out.XXXXXX")
PATH="$tools:$PATH" protoc --go_out="$out" --go_opt=paths=source_relative \
	--go-grpc_out="$out" --go-grpc_opt=paths=source_relative provider.proto
# The version of protoc is not part of the result: any that is new enough does.
sed -i '/^\/\/[-[:space:]]*protoc  *v/d' "$out"/*.pb.go
if [ "$out" != . ]; then
	diff -u provider.pb.go "$out/provider.pb.go" && diff -u provider_grpc.pb.go "$out/provider_grpc.pb.go" ||
		{ echo "generated code differs from provider.proto: run plugins/sdk/wire/generate.sh" >&2; exit 1; }
fi
