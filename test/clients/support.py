"""What the client tests share: a server in another process, clients of it, and tensors."""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_repository = None


def node(*arguments):
    """Runs a script of the project."""
    subprocess.run(["node", *arguments], cwd=ROOT, check=True)


def repository():
    """The models of repository.mjs, made once."""
    global _repository
    if _repository is None:
        _repository = tempfile.TemporaryDirectory(prefix="trt-node-clients-")
        node("test/clients/repository.mjs", _repository.name)
    return _repository.name


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`trt-node serve` in a process of its own. `ready`: what it must answer before it is used; None with TLS."""

    def __init__(self, folder, *flags, ready="/v2/health/ready", env=None):
        self.http_port, self.grpc_port, self.metrics_port = free_port(), free_port(), free_port()
        self.http = f"127.0.0.1:{self.http_port}"
        self.grpc = f"127.0.0.1:{self.grpc_port}"
        self.log = tempfile.NamedTemporaryFile(prefix="trt-node-serve-", suffix=".log")
        self.process = subprocess.Popen(
            [
                "node",
                "dist/cli/main.js",
                "serve",
                f"--model-repository={folder}",
                f"--http-port={self.http_port}",
                f"--grpc-port={self.grpc_port}",
                f"--metrics-port={self.metrics_port}",
                *flags,
            ],
            cwd=ROOT,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TRT_NODE_RUNTIME": os.environ.get("TRT_NODE_RUNTIME", "reference"), **(env or {})},
        )
        self._wait(ready)

    def _wait(self, ready):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.text()}")
            try:
                if ready is None:
                    socket.create_connection(("127.0.0.1", self.grpc_port), 1).close()
                    socket.create_connection(("127.0.0.1", self.http_port), 1).close()
                    return
                if urllib.request.urlopen(f"http://{self.http}{ready}", timeout=5).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.process.kill()
        raise AssertionError(f"the server was not ready in a minute:\n{self.text()}")

    def text(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def metrics(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name, **labels):
        """The value of one sample, 0 where there is none."""
        for line in self.metrics().splitlines():
            found = re.match(r"(\w+)\{(.*)\} (\S+)", line)
            if found and found[1] == name:
                given = dict(re.findall(r'(\w+)="([^"]*)"', found[2]))
                if all(given.get(key) == value for key, value in labels.items()):
                    return float(found[3])
        return 0.0

    def stop(self):
        """SIGTERM; every server of these tests must have survived them, and end in order."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the server did not end:\n{self.text()}") from None
        assert code == 0, f"the server ended with {code}:\n{self.text()}"


_shared = None


def shared():
    """The server that most tests share: every model, explicit model control."""
    global _shared
    if _shared is None:
        _shared = Server(repository(), "--model-control-mode=explicit", "--load-model=*")
    return _shared


def stop_shared():
    global _repository, _shared
    if _shared is not None:
        _shared.stop()
        _shared = None
    if _repository is not None:
        _repository.cleanup()
        _repository = None


class Http:
    """One of the two protocols, as the tests of both see it."""

    module = httpclient

    def client(self, server, **options):
        return httpclient.InferenceServerClient(server.http, **options)

    def metadata(self, client, *args, **kwargs):
        return client.get_model_metadata(*args, **kwargs)

    def config(self, client, *args, **kwargs):
        return client.get_model_config(*args, **kwargs)

    def statistics(self, client, *args, **kwargs):
        return client.get_inference_statistics(*args, **kwargs)["model_stats"]

    def index(self, client):
        return client.get_model_repository_index()


class Grpc:
    module = grpcclient

    def client(self, server, **options):
        return grpcclient.InferenceServerClient(server.grpc, **options)

    def metadata(self, client, *args, **kwargs):
        return client.get_model_metadata(*args, as_json=True, **kwargs)

    def config(self, client, *args, **kwargs):
        return client.get_model_config(*args, as_json=True, **kwargs)["config"]

    def statistics(self, client, *args, **kwargs):
        return client.get_inference_statistics(*args, as_json=True, **kwargs)["model_stats"]

    def index(self, client):
        return client.get_model_repository_index(as_json=True)["models"]


def tensor(protocol, name, array, datatype=None, **options):
    from tritonclient.utils import np_to_triton_dtype

    one = protocol.module.InferInput(name, list(array.shape), datatype or np_to_triton_dtype(array.dtype))
    one.set_data_from_numpy(array, **options)
    return one


def simple_inputs(protocol, batch=1, **options):
    """INPUT0 counts up, INPUT1 is ones: sum and difference are easily told apart."""
    first = np.arange(batch * 16, dtype=np.int32).reshape(batch, 16)
    second = np.ones((batch, 16), dtype=np.int32)
    return first, second, [tensor(protocol, "INPUT0", first, **options), tensor(protocol, "INPUT1", second, **options)]


def ramp(length, offset=-0.5):
    """The input of most known answers: test/helpers/known-answers.ts."""
    return (((np.arange(length, dtype=np.int64) * 7919) % 1000) / 1000 + offset).astype(np.float32)


MLP_ROW0 = np.array([0.04531991, 0.02752637, 0.028437, 0.02752637], dtype=np.float32)
