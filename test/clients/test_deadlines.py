"""Timeouts, cancellation and priorities: a request that is given up never reaches the model."""

import queue
import socket
import time
import unittest

import numpy as np
import support
from tritonclient.utils import InferenceServerException


def wait_ms(protocol, ms):
    return [support.tensor(protocol, "MS", np.array([[ms]], dtype=np.int32))]


class Deadlines:
    @classmethod
    def setUpClass(cls):
        cls.server = support.Server(support.repository(), "--model-control-mode=explicit", "--load-model=slow")
        cls.addClassCleanup(cls.server.stop)

    def executed(self):
        with self.protocol.client(self.server) as client:
            (stats,) = self.protocol.statistics(client, "slow")
            return int(stats.get("execution_count", 0))

    def settled(self):
        """Waits until no request is left: metrics tell."""
        deadline = time.monotonic() + 30
        while self.server.metric("nv_inference_pending_request_count", model="slow") > 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_a_request_times_out_in_the_queue(self):
        before = self.executed()
        slow = self.start(400)
        time.sleep(0.1)
        with self.protocol.client(self.server) as client, self.assertRaises(InferenceServerException) as caught:
            client.infer("slow", wait_ms(self.protocol, 0), timeout=50_000)
        self.assertIn("Request timeout expired", caught.exception.message())
        slow()
        self.assertEqual(self.executed() - before, 1)

    def test_a_deadline_that_is_far_does_no_harm(self):
        with self.protocol.client(self.server) as client:
            result = client.infer("slow", wait_ms(self.protocol, 1), timeout=30_000_000)
            self.assertEqual(result.as_numpy("WAITED").tolist(), [[1]])

    def test_a_higher_priority_goes_first(self):
        done = []
        waits = [self.start(300)]
        time.sleep(0.1)
        for name, priority in (("low 1", 2), ("low 2", 0), ("high", 1)):
            waits.append(self.start(20, priority=priority, then=lambda name=name: done.append(name)))
            time.sleep(0.03)
        for wait in waits:
            wait()
        self.assertEqual(done, ["high", "low 1", "low 2"])

    def test_a_priority_that_the_model_has_not(self):
        with self.protocol.client(self.server) as client:
            # Beyond the model's levels the lowest is meant, as in Triton.
            result = client.infer("slow", wait_ms(self.protocol, 1), priority=9)
            self.assertEqual(result.as_numpy("WAITED").tolist(), [[1]])


class HttpDeadlines(Deadlines, unittest.TestCase):
    protocol = support.Http()

    def start(self, ms, priority=0, then=lambda: None):
        import threading

        def run():
            with self.protocol.client(self.server) as client:
                client.infer("slow", wait_ms(self.protocol, ms), priority=priority)
            then()

        thread = threading.Thread(target=run)
        thread.start()
        return thread.join

    def test_the_clients_own_timeout(self):
        with self.protocol.client(self.server, network_timeout=0.2) as client, self.assertRaises(Exception) as caught:
            client.infer("slow", wait_ms(self.protocol, 1000))
        self.assertIn("timed out", str(caught.exception))
        self.settled()

    def test_a_client_that_goes_away_takes_its_request_along(self):
        before = self.executed()
        slow = self.start(500)
        time.sleep(0.1)
        body, length = self.protocol.module.InferenceServerClient.generate_request_body(wait_ms(self.protocol, 0))
        for _ in range(5):
            with socket.create_connection(("127.0.0.1", self.server.http_port)) as gone:
                head = (
                    "POST /v2/models/slow/infer HTTP/1.1\r\nHost: x\r\n"
                    f"Inference-Header-Content-Length: {length}\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                gone.sendall(head.encode() + body)
                time.sleep(0.05)
        slow()
        self.settled()
        self.assertEqual(self.executed() - before, 1)


class GrpcDeadlines(Deadlines, unittest.TestCase):
    protocol = support.Grpc()

    def start(self, ms, priority=0, then=lambda: None):
        answers = queue.Queue()
        client = self.protocol.client(self.server)

        def callback(result, error):
            if error is None:
                then()
            answers.put(error)

        client.async_infer("slow", wait_ms(self.protocol, ms), callback, priority=priority)

        def wait():
            error = answers.get(timeout=30)
            client.close()
            if error is not None:
                raise error

        return wait

    def test_client_timeout(self):
        with self.protocol.client(self.server) as client, self.assertRaises(InferenceServerException) as caught:
            client.infer("slow", wait_ms(self.protocol, 1000), client_timeout=0.2)
        self.assertIn("Deadline Exceeded", caught.exception.message())
        self.settled()

    def test_client_timeout_of_the_other_calls(self):
        with self.protocol.client(self.server) as client:
            self.assertTrue(client.is_server_live(client_timeout=10))
            self.assertTrue(client.is_model_ready("slow", client_timeout=10))
            client.get_model_metadata("slow", client_timeout=10)
            with self.assertRaises(InferenceServerException):
                client.get_model_metadata("slow", client_timeout=-1)

    def test_a_cancelled_request_never_runs(self):
        before = self.executed()
        slow = self.start(500)
        time.sleep(0.1)
        answers = queue.Queue()
        with self.protocol.client(self.server) as client:
            handles = [
                client.async_infer("slow", wait_ms(self.protocol, 0), lambda result, error: answers.put(error))
                for _ in range(5)
            ]
            time.sleep(0.1)
            for one in handles:
                one.cancel()
            for _ in handles:
                self.assertIn("cancelled", str(answers.get(timeout=30)).lower())
        slow()
        self.settled()
        self.assertEqual(self.executed() - before, 1)
        self.assertGreaterEqual(self.server.metric("nv_inference_request_failure", model="slow", reason="CANCELED"), 5)
