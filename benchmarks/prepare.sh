#!/usr/bin/env bash
# Adds the benchmarks to .gpu/app, the folder that scripts/gpu/prepare.sh packs for a bare GPU machine; run after it, from the project's
# root, with the C++ peer built (README.md). `benchmarks/prepare.sh onnxruntime` takes onnxruntime-node along as well (some 15 MiB).
set -euo pipefail
cd "$(dirname "$0")/.."
app=.gpu/app
mkdir -p "$app/build/Release" "$app/node_modules"
rm -rf "$app/benchmarks"
git ls-files benchmarks | grep -v '^benchmarks/results/' | tar c -T - | tar x -C "$app"
cp "${CPP_LOOP:-build/Release/trtnode_cpp_loop}" "$app/build/Release/"
for file in build/Release/libtrtnode_malloc_count.so; do [ ! -f "$file" ] || cp "$file" "$app/build/Release/"; done
strip --strip-unneeded "$app/build/Release/trtnode_cpp_loop"
git rev-parse --short HEAD >"$app/commit"
if [ "${1:-}" = onnxruntime ]; then
  # Packed, as it is large; gpu-round.sh unpacks it.
  tar c --exclude='*providers_cuda*' --exclude='*providers_tensorrt*' --exclude='*/win32' --exclude='*/darwin' --exclude='*/arm64' \
    -h -C node_modules onnxruntime-node onnxruntime-common | xz -T0 -6 >"$app/onnxruntime-node.tar.xz"
fi
du -sm "$app" "$app/benchmarks" "$app/node_modules"
