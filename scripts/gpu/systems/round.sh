#!/usr/bin/env bash
# The builds of the systems that trt-node must run, on a GPU machine with TensorRT's builder: their own command lines on real exports,
# then inspect and `run --compare=onnxruntime` on each plan. Usage: bash scripts/gpu/systems/round.sh STEP…   (from the packed folder, or the project's root)
#   export      bert, resnet50, wide_resnet101_2 as ONNX (PyTorch, torchvision, transformers), and inputs
#   s1 s2 s3 s5 the command lines, word for word but for `trtexec` and the model's file
#   int8        ResNet-50 calibrated from .npy files against ONNX Runtime in FP32, and again from the cache file alone
#   timing      ResNet-50 twice with one timing cache file: both times
#   vc          version compatible, lean runtime excluded    strip    stripped, refitted from ONNX, compared
# Environment: WORK (default /tmp/trt-node-systems), OUT (summary and logs; default ./out), LIMIT (seconds a command may take, default 400).
set -uo pipefail
cd "$(dirname "$0")/../../.." 2>/dev/null || true
[ -f dist/cli/main.js ] || cd "${APP:-/tmp/app}"
app=$PWD here=$app/scripts/gpu/systems
out=${OUT:-$PWD/out} work=${WORK:-/tmp/trt-node-systems}
mkdir -p "$out" "$work/models" "$work/plans" "$work/inputs" "$work/logs"
export PYTHONWARNINGS=ignore TRT_NODE_RUNTIME=tensorrt
[ -f onnxruntime-node.tar.xz ] && [ ! -d node_modules/onnxruntime-node ] && xz -dc onnxruntime-node.tar.xz | tar x -C node_modules
failed=0

# do_step NAME COMMAND…: with a time limit and a log; one line is printed, and the end of the log where it failed.
do_step() {
  local name=$1 start=$SECONDS status
  shift
  timeout -k 10 "${LIMIT:-400}" "$@" >"$work/logs/$name.log" 2>&1
  status=$?
  [ $status -eq 0 ] || failed=1
  echo "$name: status $status, $((SECONDS - start)) s" | tee -a "$out/systems.txt"
  [ $status -eq 0 ] || tail -n 6 "$work/logs/$name.log" | cut -c1-400
  tar cz -C "$work" logs >"$out/systems-logs.tgz"
}
trtexec() { # trtexec NAME FLAGS…: a build, as written
  local name=$1
  shift
  do_step "build-$name" node "$app/dist/cli/main.js" build "$@"
  grep -hE '^(warning|Wrote)' "$work/logs/build-$name.log" | cut -c1-200
}
compare() { # compare NAME PLAN MODEL FLAGS…
  local name=$1 plan=$2 model=$3
  shift 3
  do_step "compare-$name" node "$app/dist/cli/main.js" run "$plan" --compare=onnxruntime --onnx="$model" "$@"
  grep -hE 'output +verdict|float(16|32)\[|largest error|PASSED|FAILED' "$work/logs/compare-$name.log" | cut -c1-220 | tee -a "$out/systems.txt"
}
bert_inputs() { # bert_inputs DIR BATCH LENGTH: token ids that BERT has, and two segments
  python3 - "$1" "$2" "$3" <<'PY'
import os, sys
import numpy as np
folder, batch, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
os.makedirs(folder, exist_ok=True)
rng = np.random.default_rng(0)
np.save(f"{folder}/input_ids.npy", rng.integers(1000, 30000, (batch, length)).astype(np.int32))
np.save(f"{folder}/segment_ids.npy", (np.arange(length)[None] >= length // 2).repeat(batch, 0).astype(np.int32))
PY
}
cd "$work/models"
for step in "$@"; do
  case $step in
    export)
      do_step export python3 "$here/export.py" .
      ln -sf bert.onnx bert_cls.onnx; ln -sf resnet50.onnx ResNet50.onnx
      python3 -c "
import os, numpy as np
os.makedirs('../inputs/calib', exist_ok=True)
rng = np.random.default_rng(1)
for i in range(16): np.save(f'../inputs/calib/{i:03}.npy', rng.random((1, 3, 224, 224), dtype=np.float32))
np.save('../inputs/image.npy', rng.random((1, 3, 224, 224), dtype=np.float32))"
      ls -l --block-size=M ./*.onnx | awk '{print $5, $9}' ;;
    s1)
      trtexec s1 --onnx=bert_cls.onnx --saveEngine=./model.plan --minShapes=input_ids:1x512,segment_ids:1x512 --optShapes=input_ids:1x512,segment_ids:1x512 --maxShapes=input_ids:20x512,segment_ids:20x512 --device=0
      mv model.plan ../plans/s1.plan
      bert_inputs ../inputs/s1 1 512; compare s1-n1 ../plans/s1.plan bert_cls.onnx --load-inputs=../inputs/s1 --atol=1e-2 --rtol=1e-2
      bert_inputs ../inputs/s1-8 8 512; compare s1-n8 ../plans/s1.plan bert_cls.onnx --load-inputs=../inputs/s1-8 --atol=1e-2 --rtol=1e-2 ;;
    s2)
      trtexec s2 --onnx=ResNet50.onnx --saveEngine=model.plan --explicitBatch --useCudaGraph
      mv model.plan ../plans/s2.plan
      do_step inspect-s2 node "$app/dist/cli/main.js" inspect ../plans/s2.plan; head -30 "$work/logs/inspect-s2.log" | cut -c1-160
      compare s2 ../plans/s2.plan ResNet50.onnx --input=gpu_0/data_0:../inputs/image.npy --atol=1e-2 --rtol=1e-2
      trtexec s2-noTF32 --onnx=ResNet50.onnx --saveEngine=../plans/s2-noTF32.plan --noTF32
      compare s2-noTF32 ../plans/s2-noTF32.plan ResNet50.onnx --input=gpu_0/data_0:../inputs/image.npy --atol=1e-5 --rtol=1e-3 ;;
    s3)
      trtexec s3 --onnx=bert.onnx --saveEngine=../plans/s3.plan --workspace=10000 --minShapes=input_ids:1x1,segment_ids:1x1 --optShapes=input_ids:20x512,segment_ids:20x512 --maxShapes=input_ids:20x512,segment_ids:20x512
      bert_inputs ../inputs/s3 1 200; compare s3 ../plans/s3.plan bert.onnx --load-inputs=../inputs/s3 --atol=1e-2 --rtol=1e-2
      do_step bench-s3 node "$app/dist/cli/main.js" bench ../plans/s3.plan --shapes=input_ids:1x200,segment_ids:1x200 --duration=2; grep -iE 'optim|GPU Compute Time: ' "$work/logs/bench-s3.log" | cut -c1-240 ;;
    s5)
      cp -f wide_resnet101_2.onnx model.onnx
      trtexec s5 --onnx=model.onnx --explicitBatch --optShapes=actual_input_1:16x3x224x224 --maxShapes=actual_input_1:32x3x224x224 --minShapes=actual_input_1:1x3x224x224 --best --saveEngine=model.plan --workspace=4096
      mv model.plan ../plans/s5.plan
      do_step bench-s5-output node "$app/dist/cli/main.js" bench --loadEngine=../plans/s5.plan --dumpOutput --duration=1
      do_step bench-s5-profile node "$app/dist/cli/main.js" bench --loadEngine=../plans/s5.plan --dumpProfile --exportChromeTrace="$work/logs/s5-trace.json" --duration=1
      grep -E 'Profile \(|Total$' "$work/logs/bench-s5-profile.log"
      compare s5 ../plans/s5.plan model.onnx --shapes=actual_input_1:2x3x224x224 --atol=5e-2 --rtol=5e-2 --check-error-stat=median ;;
    timing)
      for turn in first second; do
        do_step "timing-$turn" node "$app/dist/cli/main.js" build --onnx=ResNet50.onnx --saveEngine=../plans/timing.plan --timingCacheFile=../timing.cache --json
        grep -E '"seconds"' "$work/logs/timing-$turn.log" | tee -a "$out/systems.txt"
      done ;;
    int8)
      cp -f wide_resnet101_2.onnx model.onnx
      shapes="--minShapes=actual_input_1:1x3x224x224 --optShapes=actual_input_1:1x3x224x224 --maxShapes=actual_input_1:1x3x224x224"
      # shellcheck disable=SC2086
      trtexec int8 --onnx=model.onnx --saveEngine=../plans/int8.plan --int8 --fp16 --calibData=../inputs/calib --calib=../calibration.cache --builderOptimizationLevel=2 $shapes
      # Random pictures and random weights: int8 is 2 % of the range off at the median.
      compare int8 ../plans/int8.plan model.onnx --input=actual_input_1:../inputs/image.npy --atol=1e-1 --rtol=5e-2 --check-error-stat=median
      # shellcheck disable=SC2086
      trtexec int8-cached --onnx=model.onnx --saveEngine=../plans/int8-cached.plan --int8 --fp16 --calib=../calibration.cache --builderOptimizationLevel=2 $shapes ;;
    vc)
      trtexec vc --onnx=ResNet50.onnx --saveEngine=../plans/vc.plan --versionCompatible --excludeLeanRuntime --builderOptimizationLevel=1
      compare vc ../plans/vc.plan ResNet50.onnx --input=gpu_0/data_0:../inputs/image.npy --atol=1e-2 --rtol=1e-2
      do_step preflight-vc node "$app/dist/cli/main.js" inspect ../plans/vc.plan --preflight; head -20 "$work/logs/preflight-vc.log" | cut -c1-160 ;;
    strip)
      trtexec strip --onnx=ResNet50.onnx --saveEngine=../plans/stripped.plan --stripWeights --builderOptimizationLevel=1
      do_step refit node "$app/dist/cli/main.js" refit ../plans/stripped.plan --onnx=ResNet50.onnx --saveEngine=../plans/refitted.plan
      ls -l ../plans/stripped.plan ../plans/refitted.plan | awk '{print $5, $9}' | tee -a "$out/systems.txt"
      compare refitted ../plans/refitted.plan ResNet50.onnx --input=gpu_0/data_0:../inputs/image.npy --atol=1e-2 --rtol=1e-2 ;;
    *) echo "unknown step $step" >&2; exit 2 ;;
  esac
done
tar cz -C "$work" logs >"$out/systems-logs.tgz"
exit $failed
