#!/bin/sh
# Builds the embedded runner, one static executable, for a level of processors,
# and beside it OUTPUT.needs, the features without which a processor must not run
# it, as /proc/cpuinfo names them: build.sh OUTPUT [native|v2|v3|v4|arm64]
#
# The level matters tenfold for speed, and -O3 for C++ a third of what reading a
# prompt takes: only then are the loops of its matrix kernels unrolled, so that
# their sums stay in registers. It costs 0.3 MB. Sections are for size.
# grpcnotrace leaves out net/trace, whose templates keep the linker from dropping
# anything.
set -eu
cd "$(dirname "$0")/../.."
out=${1:?usage: build.sh OUTPUT [native|v2|v3|v4|arm64]}
level=${2:-native}
case $level in
native) march='-march=native' ;;
v2) march='-march=x86-64-v2' ;;
v3) march='-march=x86-64-v3' ;;
v4) march='-march=x86-64-v4 -mavx512vnni' ;; # Cascade Lake and Zen 4 on; without VNNI, v4 is hardly faster than v3
arm64)
	march='-march=armv8.2-a+fp16+dotprod'
	export GOARCH=arm64 CC="${CC:-aarch64-linux-gnu-gcc}" CXX="${CXX:-aarch64-linux-gnu-g++}"
	;;
*)
	echo "build.sh: there is no level $level; there are native, v2, v3, v4 and arm64" >&2
	exit 2
	;;
esac
sections='-ffunction-sections -fdata-sections'
flags="-O3 $march"
export CGO_ENABLED=1 CGO_CFLAGS="$flags $sections" CGO_CXXFLAGS="$flags $sections"

# What the compiler may use, by the macros that say so. LZCNT and MOVBE are not
# among them: whatever has AVX2 has them, but some hypervisors do not say so.
${CC:-gcc} $march -dM -E -x c /dev/null | awk '
	BEGIN {
		n = split("SSE3:pni SSSE3:ssse3 SSE4_1:sse4_1 SSE4_2:sse4_2 POPCNT:popcnt PCLMUL:pclmulqdq AES:aes SHA:sha_ni " \
			"AVX:avx AVX2:avx2 BMI:bmi1 BMI2:bmi2 F16C:f16c FMA:fma FMA4:fma4 XOP:xop ADX:adx GFNI:gfni VAES:vaes " \
			"VPCLMULQDQ:vpclmulqdq AVX512F:avx512f AVX512BW:avx512bw AVX512CD:avx512cd AVX512DQ:avx512dq AVX512VL:avx512vl " \
			"AVX512IFMA:avx512ifma AVX512VBMI:avx512vbmi AVX512VBMI2:avx512_vbmi2 AVX512VNNI:avx512_vnni AVX512BITALG:avx512_bitalg " \
			"AVX512VPOPCNTDQ:avx512_vpopcntdq AVX512BF16:avx512_bf16 AVX512FP16:avx512_fp16 AVX512VP2INTERSECT:avx512_vp2intersect " \
			"AVXVNNI:avx_vnni AMX_TILE:amx_tile AMX_INT8:amx_int8 AMX_BF16:amx_bf16 " \
			"ARM_FEATURE_FP16_SCALAR_ARITHMETIC:fphp ARM_FEATURE_FP16_VECTOR_ARITHMETIC:asimdhp ARM_FEATURE_DOTPROD:asimddp " \
			"ARM_FEATURE_MATMUL_INT8:i8mm ARM_FEATURE_BF16:bf16 ARM_FEATURE_SVE:sve ARM_FEATURE_SVE2:sve2 ARM_FEATURE_ATOMICS:atomics", pairs, " ")
		for (i = 1; i <= n; i++) { split(pairs[i], p, ":"); feature["__" p[1] "__"] = p[2]; feature["__" p[1]] = p[2] }
	}
	$2 in feature { print feature[$2] }' | sort -u >"$out.needs"

go build -trimpath -tags netgo,osusergo,grpcnotrace \
	-ldflags "-s -w -linkmode external -extldflags '-static -Wl,--gc-sections' -X 'main.engineFlags=$flags' -X main.version=${VERSION:-dev}" \
	-o "$out" ./plugins/local
