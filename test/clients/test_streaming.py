"""Streams and sequences: ModelStreamInfer over gRPC, sequence ids and flags over both protocols."""

import queue
import threading
import unittest

import numpy as np
import support
import tritonclient.grpc as grpcclient
from tritonclient.utils import InferenceServerException

_ids = iter(range(1000, 100000))


class Sequences:
    @classmethod
    def setUpClass(cls):
        cls.server = support.shared()

    def setUp(self):
        self.client = self.protocol.client(self.server)
        self.addCleanup(self.client.close)

    def send(self, sequence, value, start=False, end=False):
        inputs = [support.tensor(self.protocol, "INPUT", np.array([[value]], dtype=np.int32))]
        result = self.client.infer(
            "accumulate", inputs, sequence_id=sequence, sequence_start=start, sequence_end=end
        )
        return int(result.as_numpy("OUTPUT")[0, 0])

    def check_sequence(self, sequence):
        self.assertEqual(self.send(sequence, 1, start=True), 1)
        self.assertEqual(self.send(sequence, 10), 11)
        self.assertEqual(self.send(sequence, 100, end=True), 111)

    def test_state_is_carried_from_request_to_request(self):
        self.check_sequence(next(_ids))

    def test_a_sequence_may_be_named_by_a_string(self):
        self.check_sequence(f"sequence-{next(_ids)}")

    def test_sequences_do_not_mix(self):
        first, second = next(_ids), next(_ids)
        self.assertEqual(self.send(first, 1, start=True), 1)
        self.assertEqual(self.send(second, 5, start=True), 5)
        self.assertEqual(self.send(first, 2), 3)
        self.assertEqual(self.send(second, 5, end=True), 10)
        self.assertEqual(self.send(first, 3, end=True), 6)

    def test_a_new_start_forgets_what_was(self):
        sequence = next(_ids)
        self.assertEqual(self.send(sequence, 7, start=True), 7)
        self.assertEqual(self.send(sequence, 1, start=True), 1)
        self.assertEqual(self.send(sequence, 1, end=True), 2)

    def test_a_sequence_must_start(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.send(next(_ids), 1)
        self.assertIn("must specify the START flag on the first request of the sequence", caught.exception.message())

    def test_a_sequence_must_have_an_id(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.send(0, 1)
        self.assertIn("must specify a non-zero or non-empty correlation ID", caught.exception.message())


class HttpSequences(Sequences, unittest.TestCase):
    protocol = support.Http()


class GrpcSequences(Sequences, unittest.TestCase):
    protocol = support.Grpc()


class Streams(unittest.TestCase):
    protocol = support.Grpc()

    def setUp(self):
        self.client = self.protocol.client(support.shared())
        self.addCleanup(self.client.close)
        self.answers = queue.Queue()

    def callback(self, result, error):
        self.answers.put((result, error))

    def answer(self):
        result, error = self.answers.get(timeout=30)
        if error is not None:
            raise error
        return result

    def test_many_requests_over_one_stream(self):
        self.client.start_stream(self.callback)
        expected = {}
        for index in range(32):
            first, second, inputs = support.simple_inputs(self.protocol, 1 + index % 8)
            expected[str(index)] = first + second
            self.client.async_stream_infer("simple", inputs, request_id=str(index))
        for _ in range(32):
            result = self.answer()
            np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), expected.pop(result.get_response().id))
        self.client.stop_stream()
        self.assertEqual(expected, {})

    def test_a_sequence_over_a_stream_is_answered_in_order(self):
        self.client.start_stream(self.callback)
        sequence = next(_ids)
        values = list(range(1, 21))
        for index, value in enumerate(values):
            inputs = [support.tensor(self.protocol, "INPUT", np.array([[value]], dtype=np.int32))]
            self.client.async_stream_infer(
                "accumulate",
                inputs,
                request_id=str(index),
                sequence_id=sequence,
                sequence_start=index == 0,
                sequence_end=index == len(values) - 1,
            )
        sums = [int(self.answer().as_numpy("OUTPUT")[0, 0]) for _ in values]
        self.client.stop_stream()
        self.assertEqual(sums, np.cumsum(values).tolist())

    def test_an_error_does_not_end_the_stream(self):
        self.client.start_stream(self.callback)
        _, _, inputs = support.simple_inputs(self.protocol)
        self.client.async_stream_infer("nobody", inputs, request_id="wrong")
        with self.assertRaises(InferenceServerException) as caught:
            self.answer()
        self.assertIn("'nobody'", caught.exception.message())
        self.client.async_stream_infer("simple", inputs, request_id="right")
        self.assertEqual(self.answer().get_response().id, "right")
        self.client.stop_stream()

    def test_final_responses_are_marked(self):
        self.client.start_stream(self.callback)
        _, _, inputs = support.simple_inputs(self.protocol)
        self.client.async_stream_infer("simple", inputs, enable_empty_final_response=True)
        response = self.answer().get_response()
        self.assertTrue(response.parameters["triton_final_response"].bool_param)
        self.client.stop_stream()

    def test_a_stream_ends_at_its_timeout(self):
        self.client.start_stream(self.callback, stream_timeout=0.2)
        inputs = [support.tensor(self.protocol, "MS", np.array([[1000]], dtype=np.int32))]
        self.client.async_stream_infer("slow", inputs)
        with self.assertRaises(InferenceServerException) as caught:
            self.answer()
        self.assertIn("Deadline Exceeded", caught.exception.message())
        self.client.stop_stream()

    def test_a_cancelled_stream_gives_its_requests_up(self):
        self.client.start_stream(self.callback)
        inputs = [support.tensor(self.protocol, "MS", np.array([[500]], dtype=np.int32))]
        for _ in range(3):
            self.client.async_stream_infer("slow", inputs)
        self.client.stop_stream(cancel_requests=True)
        result, error = self.answers.get(timeout=30)
        self.assertIsNone(result)
        self.assertIn("cancelled", str(error).lower())


class StreamsAtOnce(unittest.TestCase):
    def test_streams_of_several_clients(self):
        failures = []

        def run():
            answers = queue.Queue()
            client = grpcclient.InferenceServerClient(support.shared().grpc)
            client.start_stream(lambda result, error: answers.put((result, error)))
            first, second, inputs = support.simple_inputs(support.Grpc())
            for _ in range(20):
                client.async_stream_infer("simple", inputs)
            for _ in range(20):
                result, error = answers.get(timeout=30)
                if error is not None or not np.array_equal(result.as_numpy("OUTPUT0"), first + second):
                    failures.append(error or result)
            client.close()

        threads = [threading.Thread(target=run) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        self.assertEqual(failures, [])
