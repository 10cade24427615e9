"""Log and trace settings, over both protocols."""

import unittest

import support
from tritonclient.utils import InferenceServerException


class Settings:
    @classmethod
    def setUpClass(cls):
        cls.server = support.shared()
        cls.client = cls.protocol.client(cls.server)

    @classmethod
    def tearDownClass(cls):
        cls.client.close()

    def test_log_settings(self):
        before = self.log(self.client.get_log_settings(**self.as_json))
        self.assertEqual(
            sorted(before), ["log_error", "log_file", "log_format", "log_info", "log_verbose_level", "log_warning"]
        )
        changed = self.log(self.client.update_log_settings({"log_verbose_level": 1, "log_info": False}, **self.as_json))
        self.assertEqual((int(changed["log_verbose_level"]), changed["log_info"]), (1, False))
        self.assertEqual(self.log(self.client.get_log_settings(**self.as_json)), changed)
        back = {"log_verbose_level": int(before["log_verbose_level"]), "log_info": before["log_info"]}
        self.assertEqual(self.log(self.client.update_log_settings(back, **self.as_json)), before)

    def test_wrong_log_settings(self):
        for settings in ({"no_such_setting": True}, {"log_format": "poem"}):
            with self.assertRaises(InferenceServerException, msg=str(settings)):
                self.client.update_log_settings(settings)

    def test_a_client_cannot_choose_a_file_to_log_to(self):
        with self.assertRaises(InferenceServerException):
            self.client.update_log_settings({"log_file": "/tmp/trt-node-canary.log"})

    def test_trace_settings(self):
        before = self.trace(self.client.get_trace_settings(**self.as_json))
        self.assertIn("trace_level", before)
        self.assertIn("trace_rate", before)
        self.client.update_trace_settings(settings={"trace_rate": "7"})
        self.assertEqual(self.trace(self.client.get_trace_settings(**self.as_json))["trace_rate"], ["7"])
        # A model's own goes before the server's, and is cleared by no value.
        self.client.update_trace_settings("simple", {"trace_rate": "9"})
        self.assertEqual(self.trace(self.client.get_trace_settings("simple", **self.as_json))["trace_rate"], ["9"])
        self.assertEqual(self.trace(self.client.get_trace_settings(**self.as_json))["trace_rate"], ["7"])
        self.client.update_trace_settings("simple", {"trace_rate": None})
        self.assertEqual(self.trace(self.client.get_trace_settings("simple", **self.as_json))["trace_rate"], ["7"])
        self.client.update_trace_settings(settings={"trace_rate": None})
        self.assertEqual(self.trace(self.client.get_trace_settings(**self.as_json)), before)

    def test_wrong_trace_settings(self):
        with self.assertRaises(InferenceServerException):
            self.client.update_trace_settings(settings={"trace_rate": "often"})
        with self.assertRaises(InferenceServerException):
            self.client.update_trace_settings("nobody", {"trace_rate": "1"})


class HttpSettings(Settings, unittest.TestCase):
    protocol = support.Http()
    as_json = {}

    def log(self, answer):
        return answer

    def test_wrong_types(self):
        for settings in ({"log_verbose_level": "much"}, {"log_verbose_level": -1}, {"log_info": 1}, {"log_format": 1}):
            with self.assertRaises(InferenceServerException, msg=str(settings)):
                self.client.update_log_settings(settings)

    def trace(self, answer):
        return {key: value if isinstance(value, list) else [value] for key, value in answer.items()}


class GrpcSettings(Settings, unittest.TestCase):
    protocol = support.Grpc()
    as_json = {"as_json": True}

    def log(self, answer):
        kinds = ("bool_param", "uint32_param", "string_param")
        return {
            key: next((value[kind] for kind in kinds if kind in value), "")
            for key, value in answer["settings"].items()
        }

    def trace(self, answer):
        return {key: value.get("value", []) for key, value in answer["settings"].items()}
