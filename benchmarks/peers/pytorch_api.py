"""The peer PyTorch: eager or compiled, on CUDA (FP16 or FP32) or on the CPU (FP32), from pinned memory and back, synchronized."""

import os
import sys

from inputs import first_values, input_data
from serve import serve, time_calls

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models"))


def prepare(config):
    import torch
    from definitions import load

    device = config.get("device", "cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("no CUDA device")
    half = config.get("precision") == "fp16"
    dtype = torch.float16 if half else torch.float32
    model = load(config["model"], config.get("onnx")).to(device=device, dtype=dtype)
    if device == "cuda" and config["model"] == "resnet50":
        model = model.to(memory_format=torch.channels_last)
    notes = [f"{device}, {'FP16' if half else 'FP32'}"]
    if config.get("compile"):
        model = torch.compile(model, mode=config["compile"], dynamic=False)
        notes.append(f"torch.compile, mode {config['compile']}")
    else:
        notes.append("eager")
    host = {}
    for name, shape in config["shapes"].items():
        integer = name.endswith("ids") or "mask" in name
        array = input_data(name, "int64" if integer else "float32", shape)
        tensor = torch.from_numpy(array)
        # The input is in the model's precision on the host already: half the bytes to copy, and no conversion in the loop.
        tensor = tensor if integer else tensor.to(dtype)
        host[name] = tensor.pin_memory() if device == "cuda" else tensor
    inputs = [torch.empty_like(tensor, device=device) for tensor in host.values()]
    sources = list(host.values())
    with torch.inference_mode():
        for to, source in zip(inputs, sources):
            to.copy_(source)
        first = model(*inputs)
        result = torch.empty(first.shape, dtype=first.dtype, pin_memory=device == "cuda")

    if device == "cuda":

        def once():
            for to, source in zip(inputs, sources):
                to.copy_(source, non_blocking=True)
            result.copy_(model(*inputs), non_blocking=True)
            torch.cuda.current_stream().synchronize()
    else:

        def once():
            result.copy_(model(*sources))

    def measure(command):
        with torch.inference_mode():
            return time_calls(once, **command)

    measure({"iterations": 5})
    about = {
        "peer": "pytorch",
        "versions": {"torch": torch.__version__},
        "notes": notes,
        "outputs": {config.get("output", "output"): first_values(result.float().numpy())},
    }
    return about, measure


serve(prepare)
