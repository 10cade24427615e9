"""Every method of tritonclient.grpc against a server whose model 'simple' adds and subtracts.

    python grpc_methods.py HOST:PORT

The server: test/helpers/grpc-door-main.ts, or any with the models 'simple', 'classifier' and 'identity_bytes' in explicit mode.
"""
import sys

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException, np_to_triton_dtype


def refusal(action):
    try:
        action()
    except InferenceServerException as error:
        return error
    raise AssertionError("expected a refusal")


def tensors(name0="INPUT0", name1="INPUT1", batch=1):
    a = np.arange(16 * batch, dtype=np.int32).reshape(batch, 16)
    b = np.ones((batch, 16), dtype=np.int32)
    inputs = []
    for name, value in ((name0, a), (name1, b)):
        tensor = grpc.InferInput(name, value.shape, np_to_triton_dtype(value.dtype))
        tensor.set_data_from_numpy(value)
        inputs.append(tensor)
    return a, b, inputs


def main(url):
    client = grpc.InferenceServerClient(url)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("simple")
    assert not client.is_model_ready("missing")
    metadata = client.get_server_metadata()
    assert "classification" in metadata.extensions, metadata
    model = client.get_model_metadata("simple")
    assert [i.name for i in model.inputs] == ["INPUT0", "INPUT1"] and list(model.inputs[0].shape) == [-1, 16]
    config = client.get_model_config("simple").config
    assert config.name == "simple" and config.max_batch_size == 8
    assert client.get_model_metadata("simple", as_json=True)["name"] == "simple"

    a, b, inputs = tensors(batch=2)
    result = client.infer("simple", inputs, request_id="my id")
    assert np.array_equal(result.as_numpy("OUTPUT0"), a + b)
    assert np.array_equal(result.as_numpy("OUTPUT1"), a - b)
    assert result.get_response().id == "my id"
    for algorithm in ("gzip", "deflate"):
        result = client.infer("simple", inputs, compression_algorithm=algorithm)
        assert np.array_equal(result.as_numpy("OUTPUT0"), a + b)
    wanted = [grpc.InferRequestedOutput("OUTPUT1")]
    result = client.infer("simple", inputs, outputs=wanted, model_version="1", priority=1, timeout=10_000_000,
                          sequence_id=7, sequence_start=True, parameters={"own": "value"})
    assert result.as_numpy("OUTPUT0") is None and np.array_equal(result.as_numpy("OUTPUT1"), a - b)

    strings = np.array(["ab", "", "ünï"], dtype=object)
    tensor = grpc.InferInput("INPUT0", [3], "BYTES")
    tensor.set_data_from_numpy(strings)
    given = client.infer("identity_bytes", [tensor]).as_numpy("OUTPUT0")
    assert [each.decode() for each in given] == ["ab", "", "ünï"], given

    scores = np.array([[0.1, 0.7, 0.2, 0.0]], dtype=np.float32)
    tensor = grpc.InferInput("scores", [1, 4], "FP32")
    tensor.set_data_from_numpy(scores)
    top = client.infer("classifier", [tensor], outputs=[grpc.InferRequestedOutput("probabilities", class_count=2)])
    assert [each.decode() for each in top.as_numpy("probabilities")[0]] == ["0.700000:1:dog", "0.200000:2:fish"]

    error = refusal(lambda: client.infer("missing", inputs))
    assert error.status() == "StatusCode.NOT_FOUND", error
    error = refusal(lambda: client.infer("simple", inputs[:1]))
    assert error.status() == "StatusCode.INVALID_ARGUMENT" and "expected 2 inputs but got 1" in error.message(), error
    error = refusal(lambda: client.infer("simple", inputs, parameters={"triton_x": "1"}))
    assert "reserved" in error.message()

    assert {row.name for row in client.get_model_repository_index().models} >= {"simple", "classifier"}
    client.unload_model("classifier")
    assert not client.is_model_ready("classifier")
    assert refusal(lambda: client.get_model_config("classifier")).status() == "StatusCode.UNAVAILABLE"
    client.load_model("classifier")
    assert client.is_model_ready("classifier")
    client.load_model("simple", config='{"max_batch_size": 8}', files={"file:1/model.plan": b"bytes"})
    statistics = client.get_inference_statistics("simple")
    assert sum(each.inference_stats.success.count for each in statistics.model_stats) >= 4
    assert len(client.get_inference_statistics().model_stats) > 2

    assert client.get_log_settings().settings["log_info"].bool_param
    assert client.update_log_settings({"log_verbose_level": 1}).settings["log_verbose_level"].uint32_param == 1
    assert client.update_log_settings({"log_verbose_level": 0}).settings["log_verbose_level"].uint32_param == 0
    assert client.get_trace_settings().settings["trace_level"].value == ["OFF"]
    assert client.update_trace_settings(settings={"trace_rate": "7"}).settings["trace_rate"].value == ["7"]
    assert refusal(lambda: client.get_trace_settings("missing")).status() == "StatusCode.INVALID_ARGUMENT"

    region = shm.create_shared_memory_region("both", "/trt_node_grpc_test", 256)
    try:
        shm.set_shared_memory_region(region, [a[:1], b[:1]])
        client.register_system_shared_memory("both", "/trt_node_grpc_test", 256)
        assert client.get_system_shared_memory_status().regions["both"].byte_size == 256
        shared = [grpc.InferInput("INPUT0", [1, 16], "INT32"), grpc.InferInput("INPUT1", [1, 16], "INT32")]
        shared[0].set_shared_memory("both", 64)
        shared[1].set_shared_memory("both", 64, offset=64)
        output = grpc.InferRequestedOutput("OUTPUT0")
        output.set_shared_memory("both", 64, offset=128)
        client.infer("simple", shared, outputs=[output])
        sums = shm.get_contents_as_numpy(region, np.int32, [1, 16], offset=128)
        assert np.array_equal(sums, a[:1] + b[:1])
        output.set_shared_memory("both", 4, offset=128)
        assert "should be at least 64 bytes" in refusal(lambda: client.infer("simple", shared, outputs=[output])).message()
        error = refusal(lambda: client.register_system_shared_memory("both", "/trt_node_grpc_test", 256))
        assert error.status() == "StatusCode.ALREADY_EXISTS", error
        client.unregister_system_shared_memory("both")
        assert len(client.get_system_shared_memory_status().regions) == 0
        assert len(client.get_cuda_shared_memory_status().regions) == 0
        client.unregister_cuda_shared_memory()
    finally:
        shm.destroy_shared_memory_region(region)
    client.close()
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
