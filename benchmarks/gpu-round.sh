#!/usr/bin/env bash
# One round on a GPU machine: makes models and plans, runs comparisons, leaves JSON, Markdown and logs in $OUT (default: ./out).
# Usage: bash benchmarks/gpu-round.sh STEP…       from the project's root, or from the packed folder (benchmarks/prepare.sh)
#   quick            mlp, C++ and trt-node alone, half a minute
#   completion       the C++ peer's ways of waiting, as one JSON of its own
#   models           resnet50.onnx and encoder.onnx (PyTorch, torchvision, transformers; a minute)
#   plan-resnet50-b1 plan-resnet50 plan-encoder plan-encoder-s3     built by trt-node itself; a minute or more each
#   plans            all four
#   anything else    a scenario or set of benchmarks/run.mjs: mlp, resnet50, encoder, load, event-loop, allocations, gpu …
# Environment: WORK (models and plans; default /tmp/trt-node-bench), PLANS_IN (a folder with plans, whole or in numbered parts, to be used
# instead of building), KEEP (names of plans to leave in $OUT in parts of 15 MiB), RUN_ARGS (more options for run.mjs), LEVEL (builder
# optimization level, default 3), LIMIT (seconds that one step may take, default 400), PYTHON (default python3).
# Needs node and, for NVIDIA's libraries, LD_LIBRARY_PATH; the packed machine's `env` sets both. Exit status: 1 if a step failed.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${OUT:-$PWD/out}
work=${WORK:-/tmp/trt-node-bench}
mkdir -p "$out" "$work/models" "$work/plans" "$work/results"
export PYTHONWARNINGS=ignore
[ -f commit ] && TRT_NODE_COMMIT=$(cat commit) && export TRT_NODE_COMMIT
[ -f onnxruntime-node.tar.xz ] && [ ! -d node_modules/onnxruntime-node ] && xz -dc onnxruntime-node.tar.xz | tar x -C node_modules
read -ra run_args <<<"${RUN_ARGS:-}"
failed=0

# Plans that were brought along: NAME.plan, or NAME.plan.00, .01, …
if [ -n "${PLANS_IN:-}" ]; then
  for first in "$PLANS_IN"/*.plan "$PLANS_IN"/*.plan.00; do
    [ -f "$first" ] || continue
    name=$(basename "${first%.00}")
    case $first in *.00) cat "${first%.00}".[0-9][0-9] >"$work/plans/$name" ;; *) cp "$first" "$work/plans/$name" ;; esac
  done
fi

# Everything that is small goes back as one file, renewed after each step.
bundle() { tar cz -C "$work" results >"$out/benchmarks.tgz.part" && mv "$out/benchmarks.tgz.part" "$out/benchmarks.tgz"; }

step() { # step NAME COMMAND…: with a time limit and a log; one line is printed
  local name=$1 start=$SECONDS status
  shift
  timeout -k 10 "${LIMIT:-400}" "$@" >"$work/results/$name.log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  echo "$name: status $status, $((SECONDS - start)) s"
  [ $status -eq 0 ] || tail -n 5 "$work/results/$name.log" | cut -c1-300
  bundle
}

plan() { # plan NAME MODEL FLAGS…
  local name=$1 model=$2
  shift 2
  [ -s "$work/plans/$name.plan" ] && { echo "plan-$name: there already"; return; }
  step "plan-$name" node dist/cli/main.js build --runtime=tensorrt --onnx="$work/models/$model.onnx" \
    --saveEngine="$work/plans/$name.plan" --fp16 --timingCacheFile="$work/timing.cache" --builderOptimizationLevel="${LEVEL:-3}" "$@"
  ls -l "$work/plans/$name.plan" 2>/dev/null | awk '{print "  " $5 " bytes"}'
}

bert() { # bert BATCHxSEQUENCE: the same shape for both inputs
  echo "input_ids:$1,attention_mask:$1"
}

compare() { # compare NAME FLAGS…: run.mjs, its tables beside its JSON; what it must reach is printed
  local name=$1
  shift
  step "$name" node benchmarks/run.mjs "$@" --models="$work/models" --plans="$work/plans" --python="${PYTHON:-python3}" \
    --out="$work/results" --name="$name" "${run_args[@]}"
  grep -E '^\| .* \| (yes|no) \|$' "$work/results/$name.log" | cut -c1-150
  for json in "$work/results/$name"-*.json; do
    [ -f "$json" ] && node benchmarks/table.mjs "$json" --write
  done
  bundle
}

completion() {
  step completion build/Release/trtnode_cpp_loop test/fixtures/plans/mlp.plan --shapes=x:8x64 --mode=completion --copy=0 \
    --warmup-ms=1000 --duration-ms=3000 --json="$work/results/completion.json"
  [ -s "$work/results/completion.json" ] && cut -c1-220 "$work/results/completion.json"
  bundle
}

build_one() {
  case $1 in
    plan-resnet50-b1) plan resnet50-b1 resnet50 --shapes=input:1x3x224x224 ;;
    plan-resnet50)
      plan resnet50 resnet50 --minShapes=input:1x3x224x224 --optShapes=input:8x3x224x224 --maxShapes=input:32x3x224x224 ;;
    plan-encoder)
      plan encoder encoder --minShapes="$(bert 1x16)" --optShapes="$(bert 1x200)" --maxShapes="$(bert 8x512)" ;;
    plan-encoder-s3) # the profile of the report (shared seeds, S3): best at 20 x 512, run at 1 x 200
      plan encoder-s3 encoder --minShapes="$(bert 1x1)" --optShapes="$(bert 20x512)" --maxShapes="$(bert 20x512)" ;;
  esac
}

[ $# -gt 0 ] || { sed -n '2,14p' "$0"; exit 2; }
for what in "$@"; do
  case $what in
    models) step models "${PYTHON:-python3}" benchmarks/models/make.py "$work/models" ;;
    plans) for one in resnet50-b1 resnet50 encoder encoder-s3; do build_one "plan-$one"; done ;;
    plan-*) build_one "$what" ;;
    completion) completion ;;
    quick) compare quick mlp-latency --only='cpp|trt-node' --rounds=5 --round-ms=200 --warmup-ms=500 ;;
    # The large sets scenario by scenario: each has the whole time limit, and a result file of its own.
    resnet50) for one in b1 b8 b32 throughput; do compare "resnet50-$one" "resnet50-$one"; done ;;
    *) compare "$what" "$what" ;;
  esac
done
for name in ${KEEP:-}; do
  [ -f "$work/plans/$name.plan" ] && split -b 15M -d "$work/plans/$name.plan" "$out/$name.plan."
done
exit $failed
