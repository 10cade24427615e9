"""Inference, sync and async, over both protocols: numbers, types, strings, classification, compression, errors in Triton's words."""

import queue
import unittest

import ml_dtypes
import numpy as np
import support
from tritonclient.utils import InferenceServerException


class Inference:
    @classmethod
    def setUpClass(cls):
        cls.server = support.shared()
        cls.client = cls.protocol.client(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def output(self, name, **options):
        return self.protocol.module.InferRequestedOutput(name, **options)

    def fails(self, words, *args, **kwargs):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer(*args, **kwargs)
        self.assertRegex(caught.exception.message(), words)
        return caught.exception

    def check_simple(self, result, first, second):
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first + second)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)

    def test_simple(self):
        for batch in (1, 8):
            first, second, inputs = support.simple_inputs(self.protocol, batch)
            self.check_simple(self.client.infer("simple", inputs), first, second)

    def test_the_request_id_and_the_model_come_back(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        response = self.client.infer("simple", inputs, model_version="1", request_id="a-request").get_response()
        get = response.get if isinstance(response, dict) else lambda name: getattr(response, name)
        self.assertEqual(get("id"), "a-request")
        self.assertEqual(get("model_name"), "simple")
        self.assertEqual(get("model_version"), "1")

    def test_only_the_outputs_that_are_asked_for(self):
        first, second, inputs = support.simple_inputs(self.protocol)
        result = self.client.infer("simple", inputs, outputs=[self.output("OUTPUT1")])
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), first - second)
        self.assertIsNone(result.as_numpy("OUTPUT0"))

    def test_known_answer(self):
        x = support.ramp(8 * 64).reshape(8, 64)
        for version in ("1", "3", ""):
            result = self.client.infer("mlp", [support.tensor(self.protocol, "x", x)], model_version=version)
            np.testing.assert_allclose(result.as_numpy("y")[0, :4], support.MLP_ROW0, atol=1e-5)

    def test_every_datatype_of_the_plan(self):
        values = np.array([[0, 1, -1, 2.5], [-7, 100, 0.5, 3]], dtype=np.float32)
        whole = np.array([[0, 1, -1, 2], [-7, 100, 2**29, -(2**30)]], dtype=np.int32)
        longs = np.array([[0, 1, -1, 2**40], [-(2**40), 5, 7, -9]], dtype=np.int64)
        flags = np.array([[True, False, False, True], [True, True, False, False]])
        small = np.array([[0, 1, 2, 3], [127, 128, 254, 255]], dtype=np.uint8)
        result = self.client.infer(
            "dtypes",
            [
                support.tensor(self.protocol, "f32", values),
                support.tensor(self.protocol, "f16", values.astype(np.float16)),
                support.tensor(self.protocol, "i32", whole),
                support.tensor(self.protocol, "i64", longs),
                support.tensor(self.protocol, "b", flags),
                support.tensor(self.protocol, "u8", small),
                support.tensor(self.protocol, "bf16", values.astype(ml_dtypes.bfloat16)),
            ],
        )
        np.testing.assert_array_equal(result.as_numpy("o_f32"), values * 2)
        self.assertEqual(result.as_numpy("o_f16").dtype, np.float16)
        np.testing.assert_array_equal(result.as_numpy("o_f16"), (values * 2).astype(np.float16))
        np.testing.assert_array_equal(result.as_numpy("o_i32"), whole * 2)
        np.testing.assert_array_equal(result.as_numpy("o_i64"), longs * 2)
        np.testing.assert_array_equal(result.as_numpy("o_b"), ~flags)
        np.testing.assert_array_equal(result.as_numpy("o_u8f"), small.astype(np.float32))

    def test_strings(self):
        text = np.array([["a", "größer", ""], ["x" * 1000, "b\nc", "日本"]], dtype=object)
        given = np.vectorize(lambda one: one.encode(), otypes=[object])(text)
        result = self.client.infer("bytes", [support.tensor(self.protocol, "TEXT", given)])
        expected = [[one.upper().encode() for one in row] for row in text]
        self.assertEqual(result.as_numpy("UPPER").tolist(), expected)

    def test_classification_with_labels(self):
        x = support.ramp(2 * 64).reshape(2, 64)
        inputs = [support.tensor(self.protocol, "x", x)]
        y = self.client.infer("mlp", inputs).as_numpy("y")
        classes = self.client.infer("mlp", inputs, outputs=[self.output("y", class_count=3)]).as_numpy("y")
        self.assertEqual(classes.shape, (2, 3))
        for row, scores in zip(classes, y):
            order = np.argsort(-scores, kind="stable")[:3]
            for given, index in zip(row, order):
                score, number, label = given.decode().split(":")
                self.assertEqual((int(number), label), (index, f"label {index}"))
                self.assertAlmostEqual(float(score), float(scores[index]), places=5)

    def test_an_ensemble(self):
        first, second, inputs = support.simple_inputs(self.protocol, 2)
        result = self.client.infer("twice", inputs)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT0"), first * 2)
        np.testing.assert_array_equal(result.as_numpy("OUTPUT1"), second * 2)

    def test_requests_at_the_same_time(self):
        done = queue.Queue()
        sent = []
        for start in range(64):
            first = np.full((1, 16), start, dtype=np.int32)
            second = np.arange(16, dtype=np.int32).reshape(1, 16)
            sent.append((first, second))
        self.in_parallel(sent, done)
        for _ in sent:
            index, result = done.get(timeout=60)
            self.check_simple(result, *sent[index])

    def test_parameters_of_ones_own(self):
        first, second, inputs = support.simple_inputs(self.protocol)
        given = {"text": "a", "number": 7, "flag": True, "part": 0.5}
        self.check_simple(self.client.infer("simple", inputs, parameters=given), first, second)

    def test_unknown_model(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.fails("unknown model: 'nobody' is not found|'nobody'.*not found", "nobody", inputs)

    def test_unknown_version(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.fails("version 7", "simple", inputs, model_version="7")

    def test_a_version_that_is_no_number(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.fails("version", "simple", inputs, model_version="latest")

    def test_wrong_datatype(self):
        wrong = np.zeros((1, 16), dtype=np.float32)
        inputs = [support.tensor(self.protocol, name, wrong) for name in ("INPUT0", "INPUT1")]
        self.fails(r"inference input.*data-type is 'FP32'.*but.*'simple'.*expects 'INT32'", "simple", inputs)

    def test_wrong_shape(self):
        wrong = np.zeros((1, 17), dtype=np.int32)
        inputs = [support.tensor(self.protocol, name, wrong) for name in ("INPUT0", "INPUT1")]
        self.fails(r"unexpected shape for input 'INPUT[01]' for model 'simple'. Expected \[-1,16\], got \[1,17\]", "simple", inputs)

    def test_too_large_a_batch(self):
        _, _, inputs = support.simple_inputs(self.protocol, 9)
        self.fails("batch-size must be <= 8 for 'simple'", "simple", inputs)

    def test_a_missing_input(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.fails("expected 2 inputs but got 1 inputs for model 'simple'.*INPUT1", "simple", inputs[:1])

    def test_an_unknown_input(self):
        first, _, inputs = support.simple_inputs(self.protocol)
        inputs[1] = support.tensor(self.protocol, "INPUT9", first)
        self.fails("unexpected inference input 'INPUT9' for model 'simple'", "simple", inputs)

    def test_an_unknown_output(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.fails(
            "unexpected inference output 'OUTPUT9' for model 'simple'", "simple", inputs, outputs=[self.output("OUTPUT9")]
        )


class HttpInference(Inference, unittest.TestCase):
    protocol = support.Http()

    def in_parallel(self, sent, done):
        with self.protocol.client(self.server, concurrency=16) as client:
            pending = []
            for first, second in sent:
                inputs = [support.tensor(self.protocol, "INPUT0", first), support.tensor(self.protocol, "INPUT1", second)]
                pending.append(client.async_infer("simple", inputs))
            for index, one in enumerate(pending):
                done.put((index, one.get_result(timeout=60)))

    def test_json_and_binary_in_every_combination(self):
        for given in (False, True):
            for wanted in (False, True):
                first, second, inputs = support.simple_inputs(self.protocol, 2, binary_data=given)
                outputs = [self.output(name, binary_data=wanted) for name in ("OUTPUT0", "OUTPUT1")]
                self.check_simple(self.client.infer("simple", inputs, outputs=outputs), first, second)

    def test_strings_as_json(self):
        given = np.array([[b"json", b"text"]], dtype=object)
        inputs = [support.tensor(self.protocol, "TEXT", given, binary_data=False)]
        result = self.client.infer("bytes", inputs, outputs=[self.output("UPPER", binary_data=False)])
        # From JSON the client makes str, from binary data bytes.
        self.assertEqual([str(one, "utf-8") if isinstance(one, bytes) else one for one in result.as_numpy("UPPER")[0]], ["JSON", "TEXT"])

    def test_compressed_requests_and_responses(self):
        for algorithm in ("gzip", "deflate"):
            first, second, inputs = support.simple_inputs(self.protocol, 8)
            result = self.client.infer(
                "simple", inputs, request_compression_algorithm=algorithm, response_compression_algorithm=algorithm
            )
            self.check_simple(result, first, second)

    def test_classification_as_json(self):
        x = support.ramp(64).reshape(1, 64)
        outputs = [self.output("y", class_count=2, binary_data=False)]
        classes = self.client.infer("mlp", [support.tensor(self.protocol, "x", x)], outputs=outputs).as_numpy("y")
        self.assertEqual(classes.shape, (1, 2))

    def test_body_and_answer_without_a_client(self):
        first, second, inputs = support.simple_inputs(self.protocol)
        body, header_length = self.protocol.module.InferenceServerClient.generate_request_body(inputs)
        self.assertGreater(header_length, 0)
        response = self.client._post("v2/models/simple/infer", body, {"Inference-Header-Content-Length": header_length}, None)
        answer = response.read()
        length = response.get("Inference-Header-Content-Length")
        parsed = self.protocol.module.InferenceServerClient.parse_response_body(
            answer, header_length=None if length is None else int(length)
        )
        self.check_simple(parsed, first, second)

    def test_an_error_has_tritons_status(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.assertEqual(self.fails("nobody", "nobody", inputs).status(), "404")
        self.assertEqual(self.fails("INPUT1", "simple", inputs[:1]).status(), "400")


class GrpcInference(Inference, unittest.TestCase):
    protocol = support.Grpc()

    def in_parallel(self, sent, done):
        for index, (first, second) in enumerate(sent):
            inputs = [support.tensor(self.protocol, "INPUT0", first), support.tensor(self.protocol, "INPUT1", second)]

            def callback(result, error, index=index):
                done.put((index, error or result))

            self.client.async_infer("simple", inputs, callback)

    def test_compressed_requests_and_responses(self):
        for algorithm in ("gzip", "deflate"):
            first, second, inputs = support.simple_inputs(self.protocol, 8)
            self.check_simple(self.client.infer("simple", inputs, compression_algorithm=algorithm), first, second)

    def test_an_error_has_tritons_status(self):
        _, _, inputs = support.simple_inputs(self.protocol)
        self.assertEqual(self.fails("nobody", "nobody", inputs).status(), "StatusCode.NOT_FOUND")
        self.assertEqual(self.fails("INPUT1", "simple", inputs[:1]).status(), "StatusCode.INVALID_ARGUMENT")
