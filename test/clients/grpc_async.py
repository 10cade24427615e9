"""Asynchronous and streaming calls, deadlines and cancellation of tritonclient.grpc and tritonclient.grpc.aio.

    python grpc_async.py HOST:PORT

The server: test/helpers/grpc-door-main.ts, whose model 'slow' never answers by itself.
"""
import asyncio
import queue
import sys
import time

import numpy as np
import tritonclient.grpc as grpc
import tritonclient.grpc.aio as aio
from tritonclient.utils import InferenceServerException

from grpc_methods import refusal, tensors


def check(result, a, b):
    assert np.array_equal(result.as_numpy("OUTPUT0"), a + b)


def async_infer(client):
    a, b, inputs = tensors()
    answers = queue.Queue()
    for _ in range(50):
        client.async_infer("simple", inputs, lambda result, error: answers.put((result, error)))
    for _ in range(50):
        result, error = answers.get(timeout=10)
        assert error is None, error
        check(result, a, b)


def timeouts(client):
    _, _, inputs = tensors()
    error = refusal(lambda: client.infer("slow", inputs, client_timeout=0.3))
    assert error.status() == "StatusCode.DEADLINE_EXCEEDED" and "Deadline Exceeded" in error.message(), error
    answers = queue.Queue()
    client.async_infer("slow", inputs, lambda result, error: answers.put(error), client_timeout=0.3)
    assert "Deadline Exceeded" in answers.get(timeout=10).message()


def cancel(client):
    _, _, inputs = tensors()
    answers = queue.Queue()
    context = client.async_infer("slow", inputs, lambda result, error: answers.put(error))
    time.sleep(0.3)
    context.cancel()
    assert answers.get(timeout=10).status() == "StatusCode.CANCELLED"


def stream(url):
    client = grpc.InferenceServerClient(url)
    a, b, inputs = tensors()
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for index in range(20):
        client.async_stream_infer("simple", inputs, request_id=str(index), enable_empty_final_response=True)
    for index in range(20):
        result, error = answers.get(timeout=10)
        assert error is None, error
        check(result, a, b)
        response = result.get_response()
        assert response.id == str(index) and response.parameters["triton_final_response"].bool_param
    client.async_stream_infer("missing", inputs)
    client.async_stream_infer("simple", inputs)
    _, error = answers.get(timeout=10)
    assert "missing" in error.message(), error
    result, error = answers.get(timeout=10)
    assert error is None
    check(result, a, b)
    client.stop_stream()

    client.start_stream(lambda result, error: answers.put((result, error)), stream_timeout=0.3)
    client.async_stream_infer("slow", inputs)
    _, error = answers.get(timeout=10)
    assert "Deadline Exceeded" in error.message(), error
    client.stop_stream()

    client.start_stream(lambda result, error: answers.put((result, error)))
    client.async_stream_infer("slow", inputs)
    time.sleep(0.3)
    client.stop_stream(cancel_requests=True)
    _, error = answers.get(timeout=10)
    assert error.status() == "StatusCode.CANCELLED", error
    client.close()


async def aio_calls(url):
    a, b, inputs = tensors()
    async with aio.InferenceServerClient(url) as client:
        assert await client.is_server_ready()
        assert (await client.get_model_metadata("simple")).name == "simple"
        for result in await asyncio.gather(*(client.infer("simple", inputs) for _ in range(50))):
            check(result, a, b)
        try:
            await client.infer("slow", inputs, client_timeout=0.3)
            raise AssertionError("expected a timeout")
        except InferenceServerException as error:
            assert error.status() == "StatusCode.DEADLINE_EXCEEDED"

        async def requests():
            for index in range(5):
                yield {"model_name": "simple" if index != 2 else "missing", "inputs": inputs}

        seen = []
        async for result, error in client.stream_infer(requests()):
            seen.append(error is None)
        assert seen == [True, True, False, True, True], seen

        task = asyncio.ensure_future(client.infer("slow", inputs))
        await asyncio.sleep(0.3)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass


def main(url):
    client = grpc.InferenceServerClient(url)
    async_infer(client)
    timeouts(client)
    cancel(client)
    client.close()
    stream(url)
    asyncio.run(aio_calls(url))
    print("ok")


if __name__ == "__main__":
    main(sys.argv[1])
