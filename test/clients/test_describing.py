"""Health, metadata, config, statistics and the repository's index, over both protocols."""

import unittest

import support
from tritonclient.utils import InferenceServerException


class Describing:
    @classmethod
    def setUpClass(cls):
        cls.server = support.shared()
        cls.client = cls.protocol.client(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def test_server_is_live_and_ready(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())

    def test_models_and_versions_are_ready_or_not(self):
        self.assertTrue(self.client.is_model_ready("simple"))
        self.assertTrue(self.client.is_model_ready("mlp", "1"))
        self.assertTrue(self.client.is_model_ready("mlp", "3"))
        self.assertFalse(self.client.is_model_ready("mlp", "2"))
        self.assertFalse(self.client.is_model_ready("nobody"))

    def test_server_metadata_lists_what_it_can_do(self):
        metadata = self.client.get_server_metadata()
        extensions = metadata["extensions"] if isinstance(metadata, dict) else list(metadata.extensions)
        name = metadata["name"] if isinstance(metadata, dict) else metadata.name
        self.assertTrue(name)
        for extension in (
            "classification",
            "sequence",
            "model_repository",
            "schedule_policy",
            "model_configuration",
            "system_shared_memory",
            "cuda_shared_memory",
            "binary_tensor_data",
            "parameters",
            "statistics",
            "trace",
            "logging",
        ):
            self.assertIn(extension, extensions)

    def test_metadata_has_the_batch_dimension(self):
        metadata = self.protocol.metadata(self.client, "simple")
        self.assertEqual(metadata["name"], "simple")
        self.assertEqual(metadata["versions"], ["1"])
        self.assertEqual(metadata["platform"], "tensorrt_plan")
        self.assertEqual(
            [(one["name"], one["datatype"], [int(extent) for extent in one["shape"]]) for one in metadata["inputs"]],
            [("INPUT0", "INT32", [-1, 16]), ("INPUT1", "INT32", [-1, 16])],
        )
        self.assertEqual([one["name"] for one in metadata["outputs"]], ["OUTPUT0", "OUTPUT1"])

    def test_metadata_lists_all_ready_versions(self):
        self.assertEqual(sorted(self.protocol.metadata(self.client, "mlp")["versions"]), ["1", "3"])

    def test_config_is_what_the_file_says(self):
        config = self.protocol.config(self.client, "slow")
        self.assertEqual(config["name"], "slow")
        self.assertEqual(config["max_batch_size"], 1)
        self.assertEqual(int(config["dynamic_batching"]["priority_levels"]), 2)
        policy = config["dynamic_batching"]["default_queue_policy"]
        self.assertTrue(policy["allow_timeout_override"])
        self.assertEqual(policy["max_queue_size"], 64)

    def test_a_missing_config_is_completed_from_the_plan(self):
        config = self.protocol.config(self.client, "dtypes", "1")
        self.assertEqual(config["backend"], "tensorrt")
        self.assertEqual(config["max_batch_size"], 8)
        self.assertEqual(
            {one["name"]: one["data_type"] for one in config["input"]},
            {
                "f32": "TYPE_FP32",
                "f16": "TYPE_FP16",
                "i32": "TYPE_INT32",
                "i64": "TYPE_INT64",
                "b": "TYPE_BOOL",
                "u8": "TYPE_UINT8",
                "bf16": "TYPE_BF16",
            },
        )

    def test_statistics_count_inferences_and_executions(self):
        before = self._counts()
        for batch in (1, 3, 8):
            _, _, inputs = support.simple_inputs(self.protocol, batch)
            self.client.infer("simple", inputs)
        after = self._counts()
        self.assertEqual(after["inference_count"] - before["inference_count"], 12)
        self.assertEqual(after["execution_count"] - before["execution_count"], 3)
        self.assertEqual(after["success"] - before["success"], 3)

    def _counts(self):
        (stats,) = self.protocol.statistics(self.client, "simple")
        return {
            "inference_count": int(stats.get("inference_count", 0)),
            "execution_count": int(stats.get("execution_count", 0)),
            "success": int(stats["inference_stats"]["success"].get("count", 0)),
        }

    def test_statistics_of_all_models(self):
        names = {(one["name"], one["version"]) for one in self.protocol.statistics(self.client)}
        self.assertLessEqual({("simple", "1"), ("mlp", "1"), ("mlp", "3"), ("twice", "1")}, names)

    def test_index_has_each_version_and_its_state(self):
        index = {(one["name"], one.get("version", "")): one.get("state", "") for one in self.protocol.index(self.client)}
        self.assertEqual(index[("simple", "1")], "READY")
        self.assertEqual(index[("mlp", "1")], "READY")
        self.assertEqual(index[("mlp", "3")], "READY")

    def test_an_unknown_model_is_told_in_tritons_words(self):
        for call in (self.client.get_model_metadata, self.client.get_model_config, self.client.get_inference_statistics):
            with self.assertRaises(InferenceServerException) as caught:
                call("nobody")
            self.assertIn("'nobody'", caught.exception.message())
            self.assertIn("not found", caught.exception.message())

    def test_an_unknown_version_is_told(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.get_model_metadata("simple", "7")
        self.assertIn("simple", caught.exception.message())


class HttpDescribing(Describing, unittest.TestCase):
    protocol = support.Http()


class GrpcDescribing(Describing, unittest.TestCase):
    protocol = support.Grpc()

    def test_grpc_health(self):
        """grpc.health.v1, by its bytes: the grpcio package has no stub of it."""
        import grpc

        with grpc.insecure_channel(self.server.grpc) as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            self.assertEqual(check(b"", timeout=10), b"\x08\x01")


class Metrics(unittest.TestCase):
    def test_prometheus_has_tritons_names(self):
        server = support.shared()
        client = support.Http().client(server)
        before = server.metric("nv_inference_request_success", model="simple", version="1")
        _, _, inputs = support.simple_inputs(support.Http(), 4)
        client.infer("simple", inputs)
        client.close()
        self.assertEqual(server.metric("nv_inference_request_success", model="simple", version="1"), before + 1)
        text = server.metrics()
        for name in (
            "nv_inference_request_failure",
            "nv_inference_count",
            "nv_inference_exec_count",
            "nv_inference_pending_request_count",
            "nv_inference_request_duration_us",
            "nv_inference_queue_duration_us",
            "nv_inference_compute_input_duration_us",
            "nv_inference_compute_infer_duration_us",
            "nv_inference_compute_output_duration_us",
        ):
            self.assertIn(f"# TYPE {name} ", text)
