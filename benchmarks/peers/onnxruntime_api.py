"""The peer ONNX Runtime, its Python API, on the CPU or, where that build is installed, on CUDA with I/O binding."""

from inputs import first_values, input_data
from serve import serve, time_calls

NUMPY = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
}


def prepare(config):
    import onnxruntime as ort

    ort.set_default_logger_severity(3)
    provider = config.get("provider", "CPUExecutionProvider")
    available = ort.get_available_providers()
    if provider not in available:
        raise RuntimeError(f"{provider} is not in this build of onnxruntime ({', '.join(available)})")
    options = ort.SessionOptions()
    if config.get("threads"):
        options.intra_op_num_threads = config["threads"]
        options.inter_op_num_threads = 1
    session = ort.InferenceSession(config["onnx"], options, providers=[provider])
    if session.get_providers()[0] != provider:
        raise RuntimeError(f"{provider} could not be used; the session took {session.get_providers()}")
    feeds = {}
    for item in session.get_inputs():
        feeds[item.name] = input_data(item.name, NUMPY[item.type], config["shapes"][item.name])
    names = [item.name for item in session.get_outputs()]
    answer = session.run(names, feeds)

    def once():
        session.run(names, feeds)

    threads = config.get("threads") or "its default number of"
    about = {
        "peer": "onnxruntime-python",
        "versions": {"onnxruntime": ort.__version__},
        "notes": [f"{provider}, {threads} intra-op threads"],
        "outputs": {name: first_values(array) for name, array in zip(names, answer)},
    }
    return about, lambda command: time_calls(once, **command)


serve(prepare)
