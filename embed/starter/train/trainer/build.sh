#!/bin/sh
# Builds the trainer for this machine: build.sh OUTPUT
# -ffast-math lets the sums of the kernels be vectorised; what that breaks
# (comparisons with infinities and NaN) is done on bits, see kernels.h.
# GCC 12's own AVX-512 headers warn about uninitialised registers.
set -eu
out=${1:?usage: build.sh OUTPUT}
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$(dirname "$0")"
if ! command -v "${CXX:-g++}" >/dev/null; then
	echo "the trainer needs a C++ compiler: install g++ 12 or later, or use torch_train.py" >&2
	exit 1
fi
if ! grep -qw avx512_bf16 /proc/cpuinfo; then
	echo "the trainer needs a processor with AVX-512 BF16 (AMD Zen 4, Intel Cooper Lake or later); elsewhere use torch_train.py" >&2
	exit 1
fi
exec "${CXX:-g++}" -O3 -march=native -ffast-math -std=c++17 -Wall -Wextra -Wno-uninitialized -Wno-maybe-uninitialized -pthread ./*.cc -o "$out"
