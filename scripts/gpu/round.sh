#!/usr/bin/env bash
# One whole round on the GPU machine: the GPU tests on every TensorRT that is there, then the demo. Logs go to $OUT (default: ./out).
# Run in the packed folder (.gpu/app, see prepare.sh) with TensorRT on the library path and node on the PATH.
# Environment: LEAN=/path/to/libnvinfer_lean.so.11 (optional: the version errors), LIB8=/path/to/libnvinfer.so.8 and PLANS8=/folder/of/its/plans
# (optional: TensorRT 8), DEMO=1 (needs the builder, which is tested then too).
set -uo pipefail
cd "$(dirname "$0")"
out=${OUT:-out}
mkdir -p "$out"
plan=$(mktemp -d)/ocr.plan
failed=0
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader | tee "$out/gpu.txt"
node dist/cli/main.js doctor --json >"$out/doctor.json" 2>"$out/doctor.err" || { failed=1; echo "doctor failed"; cat "$out/doctor.err"; }
export TRT_NODE_TEST_LEAN=${LEAN:-} TRT_NODE_TEST_BUILDER=${DEMO:-} TRT_NODE_TEST_LIB8=${LIB8:-} TRT_NODE_TEST_PLANS8=${PLANS8:-}
# One file after another: some look at the free memory of the whole device.
timeout "${LIMIT:-400}" node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=tap test/gpu/ >"$out/tests.tap" 2>"$out/tests.err" || failed=1
grep -E '^# (tests|pass|fail|skipped)' "$out/tests.tap"
grep -nE '^\s*not ok' "$out/tests.tap" | head -40
if [ "${DEMO:-}" = 1 ]; then
  timeout 500 node examples/ocr/run.mjs --plan="$plan" >"$out/demo.txt" 2>&1 || { failed=1; echo "demo failed"; }
  # Once more with the plan that the builder made: loading and running alone.
  timeout 100 node examples/ocr/run.mjs --plan="$plan" >>"$out/demo.txt" 2>&1 || { failed=1; echo "demo with the kept plan failed"; }
  node dist/cli/main.js inspect "$plan" >"$out/inspect.txt" 2>&1 || { failed=1; echo "inspect failed"; }
  cut -c1-200 "$out/demo.txt" | tail -30
fi
exit $failed
