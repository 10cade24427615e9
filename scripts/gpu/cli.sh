#!/usr/bin/env bash
# Every command, each in a process of its own, on the plans of test/fixtures and without a builder: what a fresh process does has its own faults
# (the inspector's, once), which tests that share a process do not see. In the unpacked folder of .gpu/app (prepare.sh), with TensorRT on
# LD_LIBRARY_PATH and node on the PATH: OUT=/tmp/out bash scripts/gpu/cli.sh. Prints a line a command, and the end of the log where one failed.
set -uo pipefail
cd "$(dirname "$0")/../.."
out=${OUT:-out} work=$(mktemp -d) failed=0 number=0
plans=${PLANS:-$PWD/test/fixtures/plans} onnx=$PWD/test/fixtures/onnx
mkdir -p "$out"

# try STATUS TEXT COMMAND…: the command ends with this status, and its output contains the text.
try() {
  local wanted=$1 text=$2 status verdict=ok
  shift 2
  number=$((number + 1))
  timeout -k 5 60 "$@" >"$work/$number.log" 2>&1
  status=$?
  [ $status = "$wanted" ] && grep -qF -- "$text" "$work/$number.log" || { verdict=FAILED failed=1; }
  echo "$verdict ($status) ${*#"$PWD"/}" | sed "s#$PWD/##g; s#$work/##g; s#^\(ok\|FAILED\) \(([0-9]*)\) node dist/cli/main.js#\1 \2 trt-node#" | tee -a "$out/cli.txt"
  [ $verdict = ok ] || tail -n 12 "$work/$number.log" | cut -c1-300
}
trt_node() { try "$1" "$2" node "$PWD/dist/cli/main.js" "${@:3}"; }

trt_node 0 'libnvinfer' doctor
for name in mlp slow lane two_inputs nonzero dtypes reshape_by_input scalar mlp_refit; do
  trt_node 0 'Layer(s)' inspect "$plans/$name.plan"
  trt_node 0 '"layers"' inspect "$plans/$name.plan" --json
  trt_node 0 'outputs' run "$plans/$name.plan" --json
done
trt_node 0 'shape_call' inspect "$plans/mlp.plan" --layers
trt_node 0 'gemm' inspect "$plans/mlp.plan" --show=layers,attrs
trt_node 0 'Graph:' inspect "$plans/mlp.plan" --graph="$work/mlp.svg"
trt_node 0 'Graph:' inspect "$plans/lane.plan" --graph="$work/lane.html" --useProfile=0
trt_node 1 '' inspect "$plans/mlp.plan" --diff="$plans/mlp_refit.plan"
trt_node 0 '' inspect "$plans/mlp.plan" --diff="$plans/mlp.plan"
trt_node 0 'runs' inspect "$plans/mlp.plan" --preflight
trt_node 1 '8.6' inspect "$plans/mlp-8.6.plan"
trt_node 0 '10.6' inspect "$plans/mlp.plan" --getPlanVersionOnly
trt_node 0 '' inspect "$onnx/mlp.onnx" --layers --weights
for name in mlp two_inputs nonzero; do
  trt_node 0 'y' run "$plans/$name.plan" --onnx="$onnx/$name.onnx" --compare=onnxruntime --atol=2e-2 --rtol=2e-2
done
trt_node 0 '' run "$plans/mlp.plan" --shapes=x:64x64 --saveOutputs="$work/saved" --saveInputs="$work/inputs"
trt_node 0 '' run "$plans/mlp.plan" --load-inputs="$work/inputs" --compare="$work/saved"
trt_node 2 '' run "$plans/mlp.plan" --nothing
trt_node 1 'x' run "$plans/mlp.plan" --shapes=x:1x63
trt_node 0 'GPU Compute Time' bench "$plans/mlp.plan" --duration=0.5
trt_node 0 'GPU Compute Time' bench "$plans/mlp.plan" --duration=0.5 --compat=11 --streams=4 --shapes=x:64x64
trt_node 0 'Profile (' bench "$plans/slow.plan" --duration=0.5 --dumpProfile --exportTimes="$work/times.json" --exportProfile="$work/profile.json"
trt_node 0 'shape_call' bench "$plans/mlp.plan" --duration=0.2 --dumpLayerInfo --phases=device
trt_node 0 'gemm' bench "$plans/mlp.plan" --duration=0.2 --dumpLayerInfo --phases=js --exportLayerInfo="$work/layers.json"
trt_node 0 'Wrote' bench "$plans/lane.plan" --duration=0.5 --html="$work/lane-bench.html" --exportChromeTrace="$work/trace.json" --useCudaGraph
trt_node 0 'Wrote' refit "$plans/mlp_refit.plan" --onnx="$onnx/mlp.onnx" --saveEngine="$work/new.plan" --timeRefit --dumpRefit
trt_node 0 'y' run "$work/new.plan" --onnx="$onnx/mlp.onnx" --compare=onnxruntime --atol=2e-2 --rtol=2e-2
trt_node 1 'refit' refit "$plans/mlp.plan" --onnx="$onnx/mlp.onnx" --saveEngine="$work/none.plan"
try 0 '' node examples/ipc/run.mjs --plan="$plans/mlp.plan"
echo "$number commands, $([ $failed = 0 ] && echo 'all as they should' || echo 'some failed')" | tee -a "$out/cli.txt"
exit $failed
