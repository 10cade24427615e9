"""The clients' asyncio variants: every method, over both protocols."""

import asyncio
import unittest

import numpy as np
import support
import tritonclient.grpc.aio as grpc_aio
import tritonclient.http.aio as http_aio
from tritonclient.utils import InferenceServerException


class Aio:
    async def asyncSetUp(self):
        self.server = support.shared()
        self.client = self.make()

    async def asyncTearDown(self):
        await self.client.close()

    async def test_describing(self):
        client = self.client
        self.assertTrue(await client.is_server_live())
        self.assertTrue(await client.is_server_ready())
        self.assertTrue(await client.is_model_ready("simple"))
        self.assertTrue(await client.get_server_metadata())
        self.assertTrue(await client.get_model_metadata("simple"))
        self.assertTrue(await client.get_model_config("simple"))
        self.assertTrue(await client.get_model_repository_index())
        self.assertTrue(await client.get_inference_statistics("simple"))
        self.assertTrue(await client.get_log_settings())
        self.assertTrue(await client.update_log_settings({"log_verbose_level": 0}))
        self.assertTrue(await client.get_trace_settings())
        self.assertTrue(await client.update_trace_settings(settings={"trace_rate": None}))
        await client.get_system_shared_memory_status()
        await client.unregister_system_shared_memory()
        await client.get_cuda_shared_memory_status()
        await client.unregister_cuda_shared_memory()

    async def test_load_and_unload(self):
        await self.client.unload_model("bytes")
        self.assertFalse(await self.client.is_model_ready("bytes"))
        await self.client.load_model("bytes")
        self.assertTrue(await self.client.is_model_ready("bytes"))

    async def test_many_requests_at_the_same_time(self):
        async def one(batch):
            first, second, inputs = support.simple_inputs(self.protocol, batch)
            result = await self.client.infer("simple", inputs)
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)

        await asyncio.gather(*(one(1 + index % 8) for index in range(64)))

    async def test_an_error(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        with self.assertRaises(InferenceServerException) as caught:
            await self.client.infer("nobody", inputs)
        self.assertIn("'nobody'", caught.exception.message())


class HttpAio(Aio, unittest.IsolatedAsyncioTestCase):
    protocol = support.Http()

    def make(self):
        return http_aio.InferenceServerClient(self.server.http)

    async def test_compression(self):
        first, second, inputs = support.simple_inputs(self.protocol)
        result = await self.client.infer(
            "simple", inputs, request_compression_algorithm="gzip", response_compression_algorithm="deflate"
        )
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)


class GrpcAio(Aio, unittest.IsolatedAsyncioTestCase):
    protocol = support.Grpc()

    def make(self):
        return grpc_aio.InferenceServerClient(self.server.grpc)

    async def test_a_stream(self):
        async def requests():
            for index in range(10):
                _, _, inputs = support.simple_inputs(self.protocol)
                yield {"model_name": "simple", "inputs": inputs, "request_id": str(index)}

        seen = []
        async for result, error in self.client.stream_infer(requests()):
            self.assertIsNone(error)
            seen.append(int(result.get_response().id))
        self.assertEqual(sorted(seen), list(range(10)))

    async def test_a_cancelled_stream(self):
        async def requests():
            inputs = [support.tensor(self.protocol, "MS", np.array([[1000]], dtype=np.int32))]
            yield {"model_name": "slow", "inputs": inputs}
            await asyncio.sleep(30)

        answers = self.client.stream_infer(requests())
        reading = asyncio.ensure_future(answers.__anext__())
        await asyncio.sleep(0.2)
        self.assertTrue(answers.cancel())
        with self.assertRaises((InferenceServerException, asyncio.CancelledError)):
            await reading
