"""The original: a sentence through a plan with TensorRT's Python API. low-level.ts beside it does the same, line for line.

Usage: python3 original.py PLAN INPUT_IDS.npy SEGMENT_IDS.npy (needs tensorrt, cuda-python and numpy, and an NVIDIA GPU)
"""

import ctypes
import json
import sys
from pathlib import Path

try:
    import numpy as np
    from cuda.bindings import runtime as cudart

    try:
        import tensorrt as trt
    except ImportError:  # NVIDIA's wheel of the bindings alone
        import tensorrt_bindings as trt
except ImportError as error:
    sys.exit(f"This needs more ({error}): {sys.executable} -m pip install tensorrt cuda-python numpy")


def check(result):
    """CUDA's calls answer (error, value); as an exception, which TensorRT's Python API leaves to its caller."""
    error, *value = result
    if error != cudart.cudaError_t.cudaSuccess:
        raise RuntimeError(f"{error}")
    return value[0] if value else None


def classify(plan, input_ids, segment_ids):
    # 1. Deserialize the engine.
    runtime = trt.Runtime(trt.Logger(trt.Logger.WARNING))
    engine = runtime.deserialize_cuda_engine(Path(plan).read_bytes())

    # 2. Create an execution context, and a stream.
    context = engine.create_execution_context()
    stream = check(cudart.cudaStreamCreate())

    # 3. Select optimization profile 0.
    context.set_optimization_profile_async(0, int(stream))

    # 4. Read the dynamic shape, (-1, -1), and set it to the sentence's.
    shape = [
        input_ids.shape[axis] if extent == -1 else extent
        for axis, extent in enumerate(engine.get_tensor_shape("input_ids"))
    ]
    context.set_input_shape("input_ids", shape)
    context.set_input_shape("segment_ids", shape)

    # 5. Allocate host and device buffers.
    def allocate(name):
        elements = trt.volume(context.get_tensor_shape(name))
        size = elements * engine.get_tensor_dtype(name).itemsize
        host = check(cudart.cudaMallocHost(size))
        device = check(cudart.cudaMalloc(size))
        context.set_tensor_address(name, device)
        return host, device, size

    ids, segments, output = map(allocate, ("input_ids", "segment_ids", "output"))

    # 6. Copy in.
    def copy_in(buffers, array):
        host, device, size = buffers
        ctypes.memmove(host, array.ctypes.data, size)
        kind = cudart.cudaMemcpyKind.cudaMemcpyHostToDevice
        check(cudart.cudaMemcpyAsync(device, host, size, kind, stream))

    copy_in(ids, input_ids)
    copy_in(segments, segment_ids)

    # 7. Enqueue.
    context.execute_async_v3(int(stream))

    # 8. Copy out.
    host, device, size = output
    kind = cudart.cudaMemcpyKind.cudaMemcpyDeviceToHost
    check(cudart.cudaMemcpyAsync(host, device, size, kind, stream))

    # 9. Synchronize.
    check(cudart.cudaStreamSynchronize(stream))

    # 10. Argmax.
    logits = np.empty(tuple(context.get_tensor_shape("output")), np.float32)
    ctypes.memmove(logits.ctypes.data, host, size)
    label = int(np.argmax(logits[0]))

    # 11. Free everything.
    for host, device, _ in (ids, segments, output):
        check(cudart.cudaFreeHost(host))
        check(cudart.cudaFree(device))
    check(cudart.cudaStreamDestroy(stream))
    return label, logits


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("Usage: python3 original.py PLAN INPUT_IDS.npy SEGMENT_IDS.npy")
    label, logits = classify(sys.argv[1], np.load(sys.argv[2]), np.load(sys.argv[3]))
    print(json.dumps({"label": label, "logits": logits[0].tolist()}))
