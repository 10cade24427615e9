"""The peer TensorRT's Python API: deserialize, set shapes and addresses, H2D + execute_async_v3 + D2H from pinned memory, synchronize.

Memory and streams are PyTorch's. With "graph" the three calls are captured in a torch.cuda.CUDAGraph, which the API itself has not.
"""

from inputs import first_values, input_data
from serve import serve, time_calls


def import_tensorrt():
    """NVIDIA's wheel of the bindings alone has no package `tensorrt`, only `tensorrt_bindings`."""
    try:
        import tensorrt

        return tensorrt
    except ImportError:
        import tensorrt_bindings

        return tensorrt_bindings


def prepare(config):
    import torch

    trt = import_tensorrt()
    if not torch.cuda.is_available():
        raise RuntimeError("no CUDA device")
    torch.cuda.init()
    torch.cuda.current_stream()
    logger = trt.Logger(trt.Logger.ERROR)
    runtime = trt.Runtime(logger)

    def read():
        with open(config["plan"], "rb") as file:
            return runtime.deserialize_cuda_engine(file.read())

    engine = read()
    if engine is None:
        raise RuntimeError("deserialize_cuda_engine gave None")
    versions = {"tensorrt": trt.__version__, "torch": torch.__version__}
    if config["mode"] == "load":
        about = {"peer": "tensorrt-python", "versions": versions, "notes": [], "outputs": {}}
        return about, lambda command: time_calls(read, iterations=command.get("iterations", 5))

    context = engine.create_execution_context()
    stream = torch.cuda.Stream()
    context.set_optimization_profile_async(config.get("profile", 0), stream.cuda_stream)
    stream.synchronize()
    names = [engine.get_tensor_name(i) for i in range(engine.num_io_tensors)]
    inputs = [name for name in names if engine.get_tensor_mode(name) == trt.TensorIOMode.INPUT]
    outputs = [name for name in names if name not in inputs]
    host, device = {}, {}
    for name in inputs:
        shape = config["shapes"].get(name) or list(engine.get_tensor_shape(name))
        context.set_input_shape(name, shape)
        array = input_data(name, trt.nptype(engine.get_tensor_dtype(name)), shape)
        host[name] = torch.from_numpy(array).pin_memory()
    missing = context.infer_shapes()
    if missing:
        raise RuntimeError(f"missing shapes: {missing}")
    for name in outputs:
        shape = list(context.get_tensor_shape(name))
        dtype = torch.from_numpy(input_data("", trt.nptype(engine.get_tensor_dtype(name)), [1])).dtype
        host[name] = torch.empty(shape, dtype=dtype, pin_memory=True)
    for name in names:
        device[name] = torch.empty_like(host[name], device="cuda")
        context.set_tensor_address(name, device[name].data_ptr())
    torch.cuda.synchronize()
    to_device = [(device[name], host[name]) for name in inputs]
    to_host = [(host[name], device[name]) for name in outputs]
    handle = stream.cuda_stream

    def issue():
        for to, source in to_device:
            to.copy_(source, non_blocking=True)
        context.execute_async_v3(handle)
        for to, source in to_host:
            to.copy_(source, non_blocking=True)

    notes = ["H2D + execute_async_v3 + D2H, pinned by torch, stream.synchronize()"]
    with torch.inference_mode(), torch.cuda.stream(stream):
        issue()
        stream.synchronize()
    once = None
    if config.get("graph"):
        graph = torch.cuda.CUDAGraph()
        capture = torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local")
        with torch.inference_mode(), capture:
            issue()
        notes = ["the same, captured in a torch.cuda.CUDAGraph"]

        def once():
            graph.replay()
            stream.synchronize()
    else:

        def once():
            issue()
            stream.synchronize()

    def measure(command):
        with torch.inference_mode(), torch.cuda.stream(stream):
            return time_calls(once, **command)

    measure({"iterations": 1})
    about = {
        "peer": "tensorrt-python",
        "versions": versions,
        "notes": notes,
        "outputs": {name: first_values(host[name].numpy()) for name in outputs},
    }
    return about, measure


serve(prepare)
