#!/usr/bin/env bash
# One round of serving on the GPU machine: tests, Python's real clients, and load through every door. Run in the packed folder (prepare.sh), or the
# project's root: bash scripts/gpu/serving/round.sh [STEP…]
#   tests      the GPU tests of serving            clients    tritonclient over HTTP and gRPC, CUDA shared memory too
#   resnet50   makes resnet50.plan (batch 1 to 32, FP16; two minutes), unless PLANS has it
#   small      overhead of the batcher, mlp with 64 callers through every door
#   load       ResNet-50 with and without dynamic batching, and twice what the server can do
# Default: all of them, in this order.
# Environment: OUT (results; default ./out), PLANS (a folder with plans built on this kind of GPU, instead of building: resnet50.plan, and simple.plan and
# accumulate.plan of the clients), KEEP (names of plans to leave in $OUT in parts of 15 MiB, for PLANS of the next time), DURATION_MS (5000), CLIENTS (client processes), PYTHON (python3), LIMIT (seconds a step, 400). Needs node on the PATH, TensorRT on LD_LIBRARY_PATH.
# TRT_NODE_RUNTIME=reference tries all of it without a GPU. Leaves serving.txt, serving.json and serving-logs.tgz in $OUT.
set -uo pipefail
cd "$(dirname "$0")/../../.."
out=${OUT:-$PWD/out} work=${WORK:-/tmp/trt-node-serving}
export TRT_NODE_RUNTIME=${TRT_NODE_RUNTIME:-tensorrt}
python=${PYTHON:-python3} failed=0
mkdir -p "$out" "$work/plans" "$work/results" "$work/logs"
[ -f commit ] && TRT_NODE_COMMIT=$(cat commit) && export TRT_NODE_COMMIT
: >"$out/serving.txt"
say() { echo "$*" | tee -a "$out/serving.txt"; }

# step NAME COMMAND…: with a time limit and a log; one line is printed, and the end of the log where it failed.
step() {
  local name=$1 start=$SECONDS status
  shift
  timeout -k 10 "${LIMIT:-400}" "$@" >"$work/logs/$name.log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  say "$name: status $status, $((SECONDS - start)) s"
  [ $status -eq 0 ] || tail -n 12 "$work/logs/$name.log" | cut -c1-300 | tee -a "$out/serving.txt"
  tar cz -C "$work" logs results >"$out/serving-logs.tgz"
  return $status
}

tests() {
  [ -d test/gpu ] && ls test/gpu/serving*.test.mjs >/dev/null 2>&1 || { say 'tests: not packed here'; failed=1; return; }
  step tests node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=tap test/gpu/serving*.test.mjs
  grep -E '^# (tests|pass|fail|skipped)|^\s*not ok' "$work/logs/tests.log" | tee -a "$out/serving.txt"
}

clients() {
  if [ -d wheels ] && [ ! -d "$work/site" ]; then
    "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$work/site" wheels/*.whl >"$work/logs/wheels.log" 2>&1 ||
      { say 'clients: the wheels cannot be installed'; tail -n 3 "$work/logs/wheels.log"; failed=1; return; }
  fi
  [ -d "$work/site" ] && export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
  TRT_NODE_CLIENT_PLANS="$work/plans" PYTHONDONTWRITEBYTECODE=1 step clients "$python" test/clients/run.py "$work/results/clients.json"
  cat "$work/results/clients.json" 2>/dev/null | tee -a "$out/serving.txt"
  say ''
  grep -E '^(FAIL|ERROR):' "$work/logs/clients.log" | head -20 | tee -a "$out/serving.txt"
}

# Plans for this machine: given ones first (whole, or in numbered parts), then the fixtures', then what is built here.
collect_plans() {
  local first name
  for first in "${PLANS:-none}"/*.plan "${PLANS:-none}"/*.plan.00; do
    [ -f "$first" ] || continue
    name=$(basename "${first%.00}")
    case $first in *.00) cat "${first%.00}".[0-9][0-9] >"$work/plans/$name" ;; *) cp "$first" "$work/plans/$name" ;; esac
  done
  cp -n test/fixtures/plans/mlp.plan "$work/plans/" 2>/dev/null
}

resnet50() {
  if [ -f "$work/plans/resnet50.plan" ]; then say 'resnet50: there already'; return; fi
  [ "$TRT_NODE_RUNTIME" = reference ] && { say 'resnet50: a stand-in on the reference runtime'; return; }
  mkdir -p "$work/models"
  step resnet50-onnx "$python" benchmarks/models/make.py "$work/models" resnet50 || return
  step resnet50-plan node dist/cli/main.js build --onnx="$work/models/resnet50.onnx" --saveEngine="$work/plans/resnet50.plan" --fp16 \
    --minShapes=input:1x3x224x224 --optShapes=input:8x3x224x224 --maxShapes=input:32x3x224x224 --builderOptimizationLevel="${LEVEL:-3}"
}

load() { # load NAME SCENARIO…
  local name=$1 plans=(--plans="$work/plans")
  shift
  [ "$TRT_NODE_RUNTIME" = reference ] && plans=()
  step "$name" node benchmarks/serving/run.mjs "$@" "${plans[@]}" --duration-ms="${DURATION_MS:-5000}" ${CLIENTS:+--clients="$CLIENTS"} \
    --out="$work/results" --name="$name"
  sed -n '/^| /p' "$work/logs/$name.log" | cut -c1-220 | tee -a "$out/serving.txt"
}

nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>/dev/null | tee -a "$out/serving.txt"
collect_plans
for what in "${@:-tests clients small resnet50 load}"; do
  for one in $what; do
    case $one in
      tests) tests ;;
      clients) clients ;;
      resnet50) resnet50 ;;
      small) load small overhead small ;;
      load) load load resnet50 overload ;;
      *) echo "unknown step $one" >&2; exit 2 ;;
    esac
  done
done
# All results as one JSON object.
node -e '
const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const [folder, file] = process.argv.slice(1);
const all = readdirSync(folder).filter((name) => name.endsWith(".json"));
writeFileSync(file, JSON.stringify(Object.fromEntries(all.map((name) => [name.slice(0, -5), JSON.parse(readFileSync(`${folder}/${name}`))]))));
' "$work/results" "$out/serving.json"
tar cz -C "$work" logs results >"$out/serving-logs.tgz"
for name in ${KEEP:-}; do
  [ -f "$work/plans/$name.plan" ] && split -b 15M -d "$work/plans/$name.plan" "$out/$name.plan."
done
exit $failed
