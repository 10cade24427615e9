"""Model control over both protocols: load, unload, dependents, config and files in the request."""

import json
import os
import tempfile
import unittest

import numpy as np
import support
from tritonclient.utils import InferenceServerException


class Control:
    @classmethod
    def setUpClass(cls):
        cls.server = support.Server(
            support.repository(), "--model-control-mode=explicit", "--load-model=mlp"
        )
        cls.addClassCleanup(cls.server.stop)
        cls.client = cls.protocol.client(cls.server)
        cls.addClassCleanup(cls.client.close)

    def plan(self, model):
        with open(os.path.join(support.repository(), model, "1", "model.plan"), "rb") as file:
            return file.read()

    def config(self, model, **changes):
        """The model's own, with changes; without the batcher that was completed for its batch size."""
        config = self.protocol.config(self.client, model)
        config.pop("dynamic_batching", None)
        return json.dumps({**config, **changes})

    def states(self):
        return {(one["name"], one.get("version", "")): one.get("state", "") for one in self.protocol.index(self.client)}

    def test_only_what_was_named_is_loaded(self):
        self.assertTrue(self.client.is_model_ready("mlp"))
        self.assertFalse(self.client.is_model_ready("dtypes"))
        self.assertEqual(self.states()[("dtypes", "")], "")

    def test_load_and_unload(self):
        self.client.load_model("bytes")
        self.assertTrue(self.client.is_model_ready("bytes"))
        self.client.unload_model("bytes")
        self.assertFalse(self.client.is_model_ready("bytes"))
        self.assertEqual(self.states()[("bytes", "1")], "UNAVAILABLE")
        inputs = [support.tensor(self.protocol, "TEXT", np.array([[b"x"]], dtype=object))]
        with self.assertRaises(InferenceServerException):
            self.client.infer("bytes", inputs)

    def test_loading_again_keeps_serving(self):
        first, second, inputs = support.simple_inputs(self.protocol)
        self.addCleanup(self.client.unload_model, "simple")
        for _ in range(3):
            self.client.load_model("simple")
            np.testing.assert_array_equal(self.client.infer("simple", inputs).as_numpy("OUTPUT0"), first + second)

    def test_an_ensemble_loads_what_it_needs(self):
        self.client.load_model("twice")
        self.assertTrue(self.client.is_model_ready("twice"))
        self.assertTrue(self.client.is_model_ready("simple"))
        first, _, inputs = support.simple_inputs(self.protocol)
        np.testing.assert_array_equal(self.client.infer("twice", inputs).as_numpy("OUTPUT0"), first * 2)
        self.client.unload_model("twice")
        self.assertFalse(self.client.is_model_ready("twice"))
        self.assertTrue(self.client.is_model_ready("simple"))
        self.client.load_model("twice")
        self.client.unload_model("twice", unload_dependents=True)
        self.assertFalse(self.client.is_model_ready("twice"))
        self.assertFalse(self.client.is_model_ready("simple"))

    def test_a_model_that_is_not_there(self):
        with self.assertRaises(InferenceServerException) as caught:
            self.client.load_model("nobody")
        self.assertIn("failed to load 'nobody'", caught.exception.message())

    def test_config_in_the_request(self):
        self.client.load_model("mlp", config=self.config("mlp", max_batch_size=4))
        self.addCleanup(self.client.load_model, "mlp")
        self.assertEqual(self.protocol.config(self.client, "mlp")["max_batch_size"], 4)
        x = support.ramp(8 * 64).reshape(8, 64)
        with self.assertRaises(InferenceServerException) as caught:
            self.client.infer("mlp", [support.tensor(self.protocol, "x", x)])
        self.assertIn("batch-size must be <= 4 for 'mlp'", caught.exception.message())

    def test_a_config_that_is_not_json(self):
        with self.assertRaises(InferenceServerException):
            self.client.load_model("mlp", config="{")
        self.assertTrue(self.client.is_model_ready("mlp"))

    def test_a_failed_reload_leaves_the_old_model_serving(self):
        wrong = self.config("mlp", input=[{"name": "x", "data_type": "TYPE_INT64", "dims": ["64"]}])
        with self.assertRaises(InferenceServerException) as caught:
            self.client.load_model("mlp", config=wrong)
        self.assertRegex(caught.exception.message(), "TYPE_INT64")
        x = support.ramp(8 * 64).reshape(8, 64)
        result = self.client.infer("mlp", [support.tensor(self.protocol, "x", x)])
        np.testing.assert_allclose(result.as_numpy("y")[0, :4], support.MLP_ROW0, atol=1e-5)

    def test_files_in_the_request(self):
        config = self.config("mlp", name="brought", version_policy={"latest": {"num_versions": 1}})
        config = json.loads(config)
        for output in config["output"]:
            output.pop("label_filename", None)
        self.client.load_model("brought", config=json.dumps(config), files={"file:1/model.plan": self.plan("mlp")})
        x = support.ramp(8 * 64).reshape(8, 64)
        result = self.client.infer("brought", [support.tensor(self.protocol, "x", x)])
        np.testing.assert_allclose(result.as_numpy("y")[0, :4], support.MLP_ROW0, atol=1e-5)
        self.client.unload_model("brought")
        self.assertFalse(os.path.exists(os.path.join(support.repository(), "brought")))

    def test_files_need_a_config(self):
        with self.assertRaises(InferenceServerException):
            self.client.load_model("brought", files={"file:1/model.plan": self.plan("mlp")})

    def test_files_do_not_leave_the_model(self):
        config = self.config("mlp")
        with tempfile.TemporaryDirectory() as folder:
            canary = os.path.join(folder, "canary")
            up = "../" * 12
            for name in (f"{up}{canary}", canary, "1/../../canary", "..", "1/model.plan\0.txt"):
                with self.assertRaises(InferenceServerException, msg=name):
                    self.client.load_model(
                        "brought", config=config, files={"file:1/model.plan": self.plan("mlp"), f"file:{name}": b"canary"}
                    )
                self.assertEqual(os.listdir(folder), [])
        self.assertFalse(self.client.is_model_ready("brought"))
        self.assertTrue(self.client.is_server_live())

    def test_names_do_not_leave_the_repository(self):
        for name in ("..", "../mlp", "/etc", ".", "mlp/1"):
            with self.assertRaises(InferenceServerException, msg=name):
                self.client.load_model(name)
            self.assertFalse(self.client.is_model_ready(name))


class HttpControl(Control, unittest.TestCase):
    protocol = support.Http()


class GrpcControl(Control, unittest.TestCase):
    protocol = support.Grpc()


class WithoutControl(unittest.TestCase):
    def test_mode_none_refuses_load_and_unload(self):
        server = support.Server(support.repository())
        self.addCleanup(server.stop)
        for protocol in (support.Http(), support.Grpc()):
            with protocol.client(server) as client:
                for call in (client.load_model, client.unload_model):
                    with self.assertRaises(InferenceServerException) as caught:
                        call("simple")
                    self.assertRegex(
                        caught.exception.message(), "explicit model load / unload is not allowed if polling is enabled|is not allowed"
                    )
                self.assertTrue(client.is_model_ready("simple"))

    def test_a_model_that_cannot_load_does_not_stop_the_others(self):
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(os.path.join(support.repository(), "simple"), os.path.join(folder, "simple"))
            os.makedirs(os.path.join(folder, "broken", "1"))
            with open(os.path.join(folder, "broken", "1", "model.plan"), "wb") as file:
                file.write(b"no plan at all" * 100)
            server = support.Server(
                folder, "--exit-on-error=false", "--strict-readiness=false", ready="/v2/health/live"
            )
            self.addCleanup(server.stop)
            with support.Http().client(server) as client:
                while not client.is_model_ready("simple"):
                    pass
                index = {one["name"]: one for one in client.get_model_repository_index()}
                self.assertEqual(index["simple"]["state"], "READY")
                self.assertEqual(index["broken"]["state"], "UNAVAILABLE")
                self.assertTrue(index["broken"]["reason"])
