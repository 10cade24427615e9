"""How fast Python's runtimes compute the model, as JSON: python3 figures.py FOLDER SECONDS BATCH...

PyTorch and TorchScript on the CPU and on the GPU, and ONNX Runtime's CUDA provider, from an array in the host's memory to one in the host's memory.
What is not here is told as {"missing": "what to install"}. SECONDS is how long each is measured at each batch size.
"""

import json
import os
import sys
import time
import warnings

import numpy as np

folder, seconds, batches = sys.argv[1], float(sys.argv[2]), [int(text) for text in sys.argv[3:]]
pixels = np.load(os.path.join(folder, "expected", "pixels.npy"))
scaled = pixels.astype(np.float32) / 255
normalized = (scaled - np.float32([0.485, 0.456, 0.406])) / np.float32([0.229, 0.224, 0.225])
pictures = np.ascontiguousarray(normalized.transpose(0, 3, 1, 2))
rows = {}
warnings.filterwarnings("ignore", category=FutureWarning)  # TorchScript's


def measure(name, run):
    """Medians of the milliseconds of a run by batch size, and the scores of both pictures."""
    print(f"Measuring {name}", file=sys.stderr, flush=True)
    row = {"scores": run(pictures).reshape(-1).tolist(), "ms": {}}
    for batch in batches:
        images = np.ascontiguousarray(np.resize(pictures, (batch, 3, 224, 224)))
        run(images)
        run(images)
        times, end = [], time.perf_counter() + seconds
        while len(times) < 3 or (time.perf_counter() < end and len(times) < 1000):
            started = time.perf_counter()
            run(images)
            times.append((time.perf_counter() - started) * 1000)
        row["ms"][batch] = float(np.median(times))
    rows[name] = row


def measure_torch():
    import torch

    def run_with(model, device):
        def run(images):
            with torch.inference_mode():
                return model(torch.from_numpy(images).to(device)).cpu().numpy()

        return run

    for device, words in (("cpu", "CPU"), ("cuda", "GPU")):
        if device == "cuda" and not torch.cuda.is_available():
            rows[f"PyTorch, {words}"] = rows[f"TorchScript, {words}"] = {"missing": "PyTorch sees no GPU"}
            continue
        script = torch.jit.load(os.path.join(folder, "model.pt"), map_location=device).eval()
        measure(f"PyTorch, {words}", run_with(eager(device), device))
        measure(f"TorchScript, {words}", run_with(script, device))


def eager(device):
    """The model as Python code, with the weights that the traced one has."""
    import torch

    from network import make

    model = make(os.path.basename(folder) == "small")
    traced = torch.jit.load(os.path.join(folder, "model.pt"), map_location="cpu")
    model.load_state_dict(traced.state_dict())
    return model.to(device).eval()


def measure_onnxruntime():
    import onnxruntime

    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        rows["ONNX Runtime, GPU"] = {"missing": "pip install onnxruntime-gpu, on a machine with a GPU"}
        return
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), providers=["CUDAExecutionProvider"])
    if "CUDAExecutionProvider" not in session.get_providers():
        rows["ONNX Runtime, GPU"] = {"missing": "ONNX Runtime's CUDA provider does not start here: its log says why"}
        return
    measure("ONNX Runtime, GPU", lambda images: session.run(None, {"actual_input_1": images})[0])


for names, part in (
    (("PyTorch, CPU", "TorchScript, CPU", "PyTorch, GPU", "TorchScript, GPU"), measure_torch),
    (("ONNX Runtime, GPU",), measure_onnxruntime),
):
    try:
        part()
    except ImportError as error:
        for name in names:
            rows.setdefault(name, {"missing": f"pip install {error.name}"})
print(json.dumps(rows))
