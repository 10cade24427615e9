#!/usr/bin/env bash
# Makes .gpu/app, the folder that scripts/gpu/prepare.sh packs, one for serving: its libraries and the measurements instead of the demo; and
# .gpu/wheels, tritonclient for the GPU machine's Python 3.12, which belongs into the app's folder there. Run from the project's root, after
# scripts/gpu/prepare.sh. The wheels need the network, and are kept in .cache.
set -euo pipefail
cd "$(dirname "$0")/../../.."
app=.gpu/app
wheels=.cache/triton-wheels
rm -rf "$app/node_modules" "$app/examples/ocr"
node scripts/gpu/copy-modules.mjs "$app/node_modules" node-gyp-build @grpc/grpc-js fastify prom-client protobufjs
find "$app/node_modules" \( -name '*.md' -o -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' \) -delete
find "$app/node_modules" -type d \( -name test -o -name tests -o -name docs -o -name benchmark \) -prune -exec rm -rf {} +
mkdir -p "$app/benchmarks" "$app/scripts/gpu"
rm -rf "$app/benchmarks/serving" "$app/test/clients" "$app/scripts/gpu/serving"
cp -r benchmarks/serving benchmarks/models benchmarks/gpu-round.sh "$app/benchmarks/"
mkdir -p "$app/benchmarks/parts"
cp benchmarks/parts/*.mjs "$app/benchmarks/parts/"
cp -r test/clients "$app/test/"
cp -r scripts/gpu/serving "$app/scripts/gpu/"
if [ ! -f "$wheels/complete" ]; then
  mkdir -p "$wheels"
  # NumPy is there. brotli, aiohttp and gevent with what they need are the clients' own.
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_26_x86_64 --platform manylinux_2_24_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 -d "$wheels" \
    tritonclient==2.73.0 grpcio protobuf==6.33.6 geventhttpclient gevent greenlet zope.event zope.interface brotli certifi urllib3 \
    aiohttp aiohappyeyeballs aiosignal attrs frozenlist multidict propcache yarl idna typing_extensions python-rapidjson ml_dtypes packaging \
    cuda-bindings cuda-pathfinder cuda-core
  touch "$wheels/complete"
fi
rm -rf .gpu/wheels
mkdir -p .gpu/wheels
cp "$wheels"/*.whl .gpu/wheels/
git rev-parse --short HEAD >"$app/commit"
du -sm "$app" "$app/node_modules" .gpu/wheels
