"""Times the model in PyTorch or ONNX Runtime: python3 time_peers.py pytorch|onnxruntime MODEL_FOLDER INPUT_IDS.npy SEGMENT_IDS.npy LOOPS SECONDS

Prints one JSON list: {"what", "milliseconds": [of each loop], "logits"}, or {"what", "missing": what it needs}. A loop begins and ends with arrays on
the host. At most LOOPS loops and SECONDS seconds each, after a 60th of these to warm up.
"""

import json
import os
import sys
import time

PIP = "pip install"


def time_calls(what, call, loops, seconds):
    def now():
        return time.perf_counter()

    begun, done = now(), 0
    while done < 2 or now() - begun < seconds / 60:
        logits = call()
        done += 1
    milliseconds, begun = [], now()
    while len(milliseconds) < loops and (not milliseconds or now() - begun < seconds):
        started = now()
        call()
        milliseconds.append((now() - started) * 1000)
    return {"what": what, "milliseconds": milliseconds, "logits": logits.tolist()}


def pytorch(folder, ids, segments, limits):
    import torch
    import transformers

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    path = os.path.join(folder, "pytorch")

    def row(device, dtype, what, precision="highest"):
        torch.set_float32_matmul_precision(precision)
        if device == "cuda" and not torch.cuda.is_available():
            return {"what": what, "missing": "an NVIDIA GPU that PyTorch can use"}
        model = transformers.BertForSequenceClassification.from_pretrained(path).eval().to(device, dtype)

        def call():
            inputs = (torch.from_numpy(array).to(device) for array in (ids, segments))
            names = ("input_ids", "token_type_ids")
            return model(**dict(zip(names, inputs))).logits.float().cpu().numpy()

        with torch.inference_mode():
            return time_calls(what, call, *limits)

    name = f"PyTorch {torch.__version__.split('+')[0]}"
    return [
        row("cpu", torch.float32, f"{name}, CPU"),
        row("cuda", torch.float32, f"{name}, GPU"),
        row("cuda", torch.float32, f"{name}, GPU, TF32", "high"),
        row("cuda", torch.float16, f"{name}, GPU, FP16"),
    ]


def onnxruntime(folder, ids, segments, limits):
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    feeds = {"input_ids": ids, "segment_ids": segments}

    def row(provider, what):
        if provider not in ort.get_available_providers():
            return {"what": what, "missing": f"an NVIDIA GPU, and {PIP} onnxruntime-gpu"}
        session = ort.InferenceSession(os.path.join(folder, "model.onnx"), providers=[provider])
        if session.get_providers()[0] != provider:
            return {"what": what, "missing": f"the CUDA libraries of onnxruntime-gpu {ort.__version__}"}
        return time_calls(what, lambda: session.run(["output"], feeds)[0], *limits)

    return [
        row("CPUExecutionProvider", f"ONNX Runtime {ort.__version__}, CPU, Python"),
        row("CUDAExecutionProvider", f"ONNX Runtime {ort.__version__}, GPU, Python"),
    ]


def main():
    peer, folder, ids, segments, loops, seconds = sys.argv[1:]
    try:
        import numpy as np

        make = {"pytorch": pytorch, "onnxruntime": onnxruntime}[peer]
        rows = make(folder, np.load(ids), np.load(segments), (int(loops), float(seconds)))
    except ImportError as error:
        needed = {"pytorch": "torch transformers", "onnxruntime": "onnxruntime"}[peer]
        sys.exit(f"{error.name}: {PIP} {needed} numpy")
    print(json.dumps(rows))


main()
