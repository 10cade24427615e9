"""Inputs and outputs in shared memory over both protocols: system shared memory, and CUDA's where there is a GPU."""

import subprocess
import unittest

import numpy as np
import support
from tritonclient.utils import InferenceServerException, serialize_byte_tensor
from tritonclient.utils import shared_memory as shm


def has_gpu():
    try:
        return subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False).stdout.startswith(b"GPU")
    except OSError:
        return False


class Regions:
    """What both kinds of memory must do; `register`, `unregister`, `status`, `create`, `fill`, `read` and `destroy` differ."""

    @classmethod
    def setUpClass(cls):
        cls.server = support.shared()

    def setUp(self):
        self.client = self.protocol.client(self.server)
        self.addCleanup(self.client.close)
        self.regions = {}
        self.addCleanup(self.clean)

    def clean(self):
        self.unregister()
        for handle in self.regions.values():
            self.destroy(handle)

    def region(self, name, size):
        self.regions[name] = self.create(name, size)
        self.register(name, size)
        return self.regions[name]

    def names(self):
        status = self.status()
        rows = status if isinstance(status, list) else list(dict(status.regions).values())
        return sorted(one["name"] if isinstance(one, dict) else one.name for one in rows)

    def inputs(self, region, datatype="INT32", shape=(2, 16), size=128):
        both = []
        for index in (0, 1):
            one = self.protocol.module.InferInput(f"INPUT{index}", list(shape), datatype)
            one.set_shared_memory(region, size, offset=index * size)
            both.append(one)
        return both

    def outputs(self, region, size=128):
        both = []
        for index in (0, 1):
            one = self.protocol.module.InferRequestedOutput(f"OUTPUT{index}")
            one.set_shared_memory(region, size, offset=index * size)
            both.append(one)
        return both

    def test_inputs_and_outputs_in_shared_memory(self):
        given = self.region("given", 256)
        wanted = self.region("wanted", 256)
        first, second, _ = support.simple_inputs(self.protocol, 2)
        self.fill(given, [first, second])
        result = self.client.infer("simple", self.inputs("given"), outputs=self.outputs("wanted"))
        self.assertIsNotNone(result.get_output("OUTPUT0"))
        np.testing.assert_array_equal(self.read(wanted, np.int32, [2, 16]), first + second)
        self.assertEqual(self.names(), ["given", "wanted"])

    def test_one_region_for_many_requests(self):
        given = self.region("given", 256)
        for turn in range(5):
            first = np.full((2, 16), turn, dtype=np.int32)
            self.fill(given, [first, first])
            result = self.client.infer("simple", self.inputs("given"))
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first * 2)

    def test_an_unknown_region(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("simple", self.inputs("nowhere"))
        self.assertIn("Unable to find shared memory region: 'nowhere'", caught.exception.message())

    def test_a_region_that_is_too_small(self):
        self.region("given", 256)
        for size, shape in ((1024, (8, 16)), (256, (4, 16))):
            with self.assertRaises(InferenceServerException):
                self.client.infer("simple", self.inputs("given", shape=shape, size=size))
        with self.assertRaises(InferenceServerException):
            self.client.infer("simple", self.inputs("given"), outputs=self.outputs("given", size=64))

    def test_registering_a_name_twice(self):
        self.region("given", 256)
        with self.assertRaises(InferenceServerException) as caught:
            self.register("given", 256)
        self.assertIn("shared memory region 'given' already in manager", caught.exception.message())

    def test_after_unregistering_it_is_gone(self):
        self.region("given", 256)
        self.region("other", 256)
        self.unregister("given")
        self.assertEqual(self.names(), ["other"])
        with self.assertRaises(InferenceServerException):
            self.client.infer("simple", self.inputs("given"))
        self.unregister()
        self.assertEqual(self.names(), [])


class SystemRegions(Regions):
    def create(self, name, size):
        return shm.create_shared_memory_region(name, f"/trt-node-{name}", size)

    def destroy(self, handle):
        shm.destroy_shared_memory_region(handle)

    def fill(self, handle, arrays):
        shm.set_shared_memory_region(handle, arrays)

    def read(self, handle, datatype, shape):
        return shm.get_contents_as_numpy(handle, datatype, shape)

    def register(self, name, size):
        self.client.register_system_shared_memory(name, f"/trt-node-{name}", size)

    def unregister(self, name=""):
        self.client.unregister_system_shared_memory(name)

    def status(self):
        return self.client.get_system_shared_memory_status()

    def test_keys_do_not_leave_the_shared_memory(self):
        for key in ("/../../etc/hostname", "../etc/hostname", "/nothing-of-this-name"):
            with self.assertRaises(InferenceServerException, msg=key):
                self.client.register_system_shared_memory("far", key, 4)
        self.assertEqual(self.names(), [])

    def test_a_region_larger_than_its_memory(self):
        self.regions["given"] = self.create("given", 256)
        with self.assertRaises(InferenceServerException):
            self.client.register_system_shared_memory("given", "/trt-node-given", 1 << 30)
        with self.assertRaises(InferenceServerException):
            self.client.register_system_shared_memory("given", "/trt-node-given", 256, offset=1 << 20)

    def test_strings(self):
        given = self.region("given", 256)
        text = np.array([[b"one", b"two"]], dtype=object)
        self.fill(given, [serialize_byte_tensor(text)])
        one = self.protocol.module.InferInput("TEXT", [1, 2], "BYTES")
        one.set_shared_memory("given", 14)
        self.assertEqual(self.client.infer("bytes", [one]).as_numpy("UPPER").tolist(), [[b"ONE", b"TWO"]])


class HttpSystemRegions(SystemRegions, unittest.TestCase):
    protocol = support.Http()


class GrpcSystemRegions(SystemRegions, unittest.TestCase):
    protocol = support.Grpc()


class CudaRegions(Regions):
    def setUp(self):
        import tritonclient.utils.cuda_shared_memory as cuda

        self.cuda = cuda
        super().setUp()

    def create(self, name, size):
        return self.cuda.create_shared_memory_region(name, size, 0)

    def destroy(self, handle):
        self.cuda.destroy_shared_memory_region(handle)

    def fill(self, handle, arrays):
        self.cuda.set_shared_memory_region(handle, arrays)

    def read(self, handle, datatype, shape):
        return self.cuda.get_contents_as_numpy(handle, datatype, shape)

    def register(self, name, size):
        self.client.register_cuda_shared_memory(name, self.cuda.get_raw_handle(self.regions[name]), 0, size)

    def unregister(self, name=""):
        self.client.unregister_cuda_shared_memory(name)

    def status(self):
        return self.client.get_cuda_shared_memory_status()


@unittest.skipUnless(has_gpu(), "CUDA shared memory needs a GPU")
class HttpCudaRegions(CudaRegions, unittest.TestCase):
    protocol = support.Http()


@unittest.skipUnless(has_gpu(), "CUDA shared memory needs a GPU")
class GrpcCudaRegions(CudaRegions, unittest.TestCase):
    protocol = support.Grpc()


class CudaWithoutAGpu:
    """Where there is no CUDA memory of ours, a handle is refused, and the server lives on."""

    def test_a_handle_that_is_none(self):
        with self.protocol.client(support.shared()) as client:
            import base64

            with self.assertRaises(InferenceServerException):
                client.register_cuda_shared_memory("far", base64.b64encode(b"\x01" * 64), 0, 64)
            status = client.get_cuda_shared_memory_status()
            self.assertEqual(len(status if isinstance(status, list) else status.regions), 0)
            client.unregister_cuda_shared_memory()
            self.assertTrue(client.is_server_live())


class HttpCudaWithoutAGpu(CudaWithoutAGpu, unittest.TestCase):
    protocol = support.Http()


class GrpcCudaWithoutAGpu(CudaWithoutAGpu, unittest.TestCase):
    protocol = support.Grpc()
