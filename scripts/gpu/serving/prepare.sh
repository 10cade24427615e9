#!/usr/bin/env bash
# Adds serving to .gpu/app, the folder that scripts/gpu/prepare.sh packs: its libraries, the measurements, and tritonclient as wheels for the GPU
# machine's Python 3.12. Run from the project's root, after scripts/gpu/prepare.sh. The wheels need the network, and are kept in .cache.
set -euo pipefail
cd "$(dirname "$0")/../../.."
app=.gpu/app
wheels=.cache/triton-wheels
node scripts/gpu/copy-modules.mjs "$app/node_modules" node-gyp-build @grpc/grpc-js fastify prom-client protobufjs
mkdir -p "$app/benchmarks" "$app/scripts/gpu" "$app/test/helpers"
rm -rf "$app/benchmarks/serving" "$app/test/clients" "$app/scripts/gpu/serving"
cp -r benchmarks/serving benchmarks/models benchmarks/gpu-round.sh "$app/benchmarks/"
mkdir -p "$app/benchmarks/parts"
cp benchmarks/parts/*.mjs "$app/benchmarks/parts/"
cp -r test/clients "$app/test/"
cp -r scripts/gpu/serving "$app/scripts/gpu/"
cp -r examples/serving "$app/examples/"
if [ ! -f "$wheels/complete" ]; then
  mkdir -p "$wheels"
  # NumPy is there. brotli, aiohttp and gevent with what they need are the clients' own.
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --platform manylinux_2_26_x86_64 --platform manylinux_2_24_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 --platform manylinux1_x86_64 -d "$wheels" \
    tritonclient==2.73.0 grpcio protobuf==6.33.6 geventhttpclient gevent greenlet zope.event zope.interface brotli certifi urllib3 \
    aiohttp aiohappyeyeballs aiosignal attrs frozenlist multidict propcache yarl idna typing_extensions python-rapidjson ml_dtypes packaging
  touch "$wheels/complete"
fi
mkdir -p "$app/wheels"
cp "$wheels"/*.whl "$app/wheels/"
git rev-parse --short HEAD >"$app/commit"
du -sm "$app" "$app/node_modules" "$app/wheels"
