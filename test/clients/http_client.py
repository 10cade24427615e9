# Calls an HTTP door over test/helpers' FakeService with the real tritonclient.http, sync and asyncio, every method that applies.
# Run: python test/clients/http_client.py HOST:PORT ; prints "pass", or fails.

import asyncio
import sys

import numpy as np
import tritonclient.http as httpclient
import tritonclient.http.aio as aioclient
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

url = sys.argv[1]
a = np.arange(16, dtype=np.int32).reshape(1, 16)
b = np.ones((1, 16), dtype=np.int32)


def inputs(module, binary=True):
    made = [module.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    made[0].set_data_from_numpy(a, binary_data=binary)
    made[1].set_data_from_numpy(b, binary_data=binary)
    return made


def fails(call, words):
    try:
        call()
    except InferenceServerException as error:
        assert words in error.message(), error
        return error
    raise AssertionError("expected an error with " + words)


client = httpclient.InferenceServerClient(url, concurrency=4)
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("simple") and client.is_model_ready("simple", "3")
assert not client.is_model_ready("none")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
assert client.get_model_metadata("simple")["inputs"][0]["shape"] == [-1, 16]
assert client.get_model_config("simple", "1")["max_batch_size"] == 8
assert any(row["name"] == "simple" for row in client.get_model_repository_index())

for binary in (True, False):
    outputs = [httpclient.InferRequestedOutput(n, binary_data=binary) for n in ("OUTPUT0", "OUTPUT1")]
    for wanted in (outputs, None):
        result = client.infer("simple", inputs(httpclient, binary), outputs=wanted, request_id="7")
        assert (result.as_numpy("OUTPUT0") == a + b).all() and (result.as_numpy("OUTPUT1") == a - b).all()
        assert result.get_response()["id"] == "7"

for algorithm in ("gzip", "deflate"):
    result = client.infer(
        "simple", inputs(httpclient),
        request_compression_algorithm=algorithm, response_compression_algorithm=algorithm)
    assert (result.as_numpy("OUTPUT0") == a + b).all()

pending = [client.async_infer("simple", inputs(httpclient), model_version="1") for _ in range(20)]
assert all((each.get_result().as_numpy("OUTPUT0") == a + b).all() for each in pending)

client.infer("simple", inputs(httpclient), sequence_id=2**63 + 1, sequence_start=True, sequence_end=True,
             priority=1, timeout=1000000, parameters={"mine": "x", "n": 3})
fails(lambda: client.infer("none", inputs(httpclient)), "Request for unknown model: 'none' is not found")
fails(lambda: client.infer("simple", inputs(httpclient)[:1]), "expected 2 inputs but got 1")

text = np.array([b"a", "é".encode(), b""], dtype=np.object_)
for binary in (True, False):
    each = httpclient.InferInput("INPUT0", [3], "BYTES")
    each.set_data_from_numpy(text, binary_data=binary)
    wanted = [httpclient.InferRequestedOutput("OUTPUT0", binary_data=binary)]
    got = client.infer("identity_bytes", [each], outputs=wanted).as_numpy("OUTPUT0")
    assert [x if isinstance(x, bytes) else x.encode() for x in got] == list(text), got
for datatype, dtype in (("FP16", np.float16), ("FP64", np.float64), ("BOOL", bool), ("INT64", np.int64)):
    data = np.array([0, 1, 1], dtype=dtype)
    each = httpclient.InferInput("INPUT0", [3], datatype)
    each.set_data_from_numpy(data)
    assert (client.infer("identity_" + datatype.lower(), [each]).as_numpy("OUTPUT0") == data).all()
scores = httpclient.InferInput("scores", [1, 4], "FP32")
scores.set_data_from_numpy(np.array([[0.1, 0.7, 0.2, 0]], dtype=np.float32))
wanted = [httpclient.InferRequestedOutput("probabilities", class_count=2)]
top = client.infer("classifier", [scores], outputs=wanted).as_numpy("probabilities")
assert list(top[0]) == [b"0.700000:1:dog", b"0.200000:2:fish"], top

statistics = client.get_inference_statistics("simple")["model_stats"]
assert sum(each["inference_stats"]["success"]["count"] for each in statistics) > 20
assert client.get_inference_statistics()["model_stats"]

settings = client.get_trace_settings()
assert client.update_trace_settings(settings={"trace_rate": "9"})["trace_rate"] == "9"
assert client.update_trace_settings("simple", {"trace_count": "5"})["trace_count"] == "5"
assert client.get_trace_settings("simple")["trace_rate"] == "9"
assert client.update_trace_settings(settings={"trace_rate": None}) == settings
assert client.update_log_settings({"log_verbose_level": 1})["log_verbose_level"] == 1
assert client.update_log_settings({"log_verbose_level": 0}) == client.get_log_settings()

client.unload_model("simple")
assert not client.is_model_ready("simple")
client.load_model("simple", config='{"max_batch_size": 8}', files={"file:1/model.plan": b"plan"})
assert client.is_model_ready("simple")
fails(lambda: client.load_model("none"), "failed to load 'none'")

client.unregister_system_shared_memory()
ins = shm.create_shared_memory_region("in", "/trt_node_py_in", 128)
outs = shm.create_shared_memory_region("out", "/trt_node_py_out", 128)
try:
    shm.set_shared_memory_region(ins, [a, b])
    client.register_system_shared_memory("in", "/trt_node_py_in", 128)
    client.register_system_shared_memory("out", "/trt_node_py_out", 128)
    assert len(client.get_system_shared_memory_status()) == 2
    assert client.get_system_shared_memory_status("in")[0]["byte_size"] == 128
    made = [httpclient.InferInput(name, [1, 16], "INT32") for name in ("INPUT0", "INPUT1")]
    made[0].set_shared_memory("in", 64)
    made[1].set_shared_memory("in", 64, offset=64)
    wanted = [httpclient.InferRequestedOutput(n, binary_data=True) for n in ("OUTPUT0", "OUTPUT1")]
    wanted[0].set_shared_memory("out", 64)
    wanted[1].set_shared_memory("out", 64, offset=64)
    result = client.infer("simple", made, outputs=wanted)
    output = result.get_output("OUTPUT0")
    got = shm.get_contents_as_numpy(outs, np.int32, output["shape"])
    assert (got == a + b).all()
    assert (shm.get_contents_as_numpy(outs, np.int32, [1, 16], offset=64) == a - b).all()
    fails(lambda: client.register_system_shared_memory("in", "/trt_node_py_in", 128), "already in manager")
finally:
    client.unregister_system_shared_memory("in")
    client.unregister_system_shared_memory()
    assert client.get_system_shared_memory_status() == []
    shm.destroy_shared_memory_region(ins)
    shm.destroy_shared_memory_region(outs)
assert client.get_cuda_shared_memory_status() == []
fails(lambda: client.register_cuda_shared_memory("gpu", b"QUFB", 0, 64), "'raw_handle' must be a valid")
client.unregister_cuda_shared_memory()
client.close()


async def asynchronous():
    async with aioclient.InferenceServerClient(url) as aio:
        assert await aio.is_server_ready()
        results = await asyncio.gather(*(aio.infer("simple", inputs(aioclient)) for _ in range(20)))
        assert all((each.as_numpy("OUTPUT0") == a + b).all() for each in results)
        assert (await aio.get_model_metadata("simple"))["platform"] == "tensorrt_plan"


asyncio.run(asynchronous())
print("pass")
