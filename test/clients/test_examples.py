"""examples/serving: each report's client against the server, and the same in one process; both must say the same."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

import support

EXAMPLES = os.path.join(support.ROOT, "examples", "serving")
ENV = {**os.environ, "TRT_NODE_RUNTIME": os.environ.get("TRT_NODE_RUNTIME", "reference")}


def output(*command):
    done = subprocess.run(command, cwd=support.ROOT, env=ENV, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def client(example, *arguments):
    return output(sys.executable, os.path.join(EXAMPLES, example, "client.py"), *arguments)


def in_process(example, folder):
    return output("node", os.path.join(EXAMPLES, example, "run.mjs"), folder)


class Examples(unittest.TestCase):
    def prepare(self, example):
        folder = tempfile.TemporaryDirectory(prefix="trt-node-example-")
        self.addCleanup(folder.cleanup)
        output("node", os.path.join(EXAMPLES, "prepare.mjs"), example, folder.name)
        return folder.name

    def serve(self, folder, *flags, **options):
        server = support.Server(folder, *flags, **options)
        self.addCleanup(server.stop)
        return server

    def test_s1_sentiment(self):
        folder = self.prepare("sentiment")
        server = self.serve(folder)
        words = os.path.join(folder, "words.json")
        vocabulary = os.path.join(EXAMPLES, "parts", "words.mjs")
        output(
            "node",
            "--input-type=module",
            "-e",
            f"import {{ vocabulary }} from {vocabulary!r}; import fs from 'node:fs'; fs.writeFileSync({words!r}, JSON.stringify(vocabulary))",
        )
        service = subprocess.Popen(
            ["node", os.path.join(EXAMPLES, "sentiment", "service.mjs"), folder, "--port=0"],
            cwd=support.ROOT,
            env=ENV,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(service.stdout.close)
        self.addCleanup(service.wait, 30)
        self.addCleanup(service.terminate)
        port = int(re.search(r"listening on (\d+)", service.stdout.readline())[1])
        for sentence, expected in (
            ("I loved this movie, the acting was excellent", "positive"),
            ("A boring story and terrible acting, but a good film? No: awful", "negative"),
        ):
            self.assertEqual(client("sentiment", server.http, words, sentence).strip(), expected)
            request = urllib.request.Request(f"http://127.0.0.1:{port}/", sentence.encode(), method="POST")
            with urllib.request.urlopen(request, timeout=30) as answer:
                self.assertEqual(answer.read().decode().strip(), expected)

    def test_s2_resnet50(self):
        folder = self.prepare("resnet50")
        server = self.serve(folder)
        told = re.findall(r"b'([\d.]+):(\d+)'", client("resnet50", server.http))
        ours = re.findall(r"([\d.]+):(\d+)", in_process("resnet50", folder))
        self.assertEqual(len(told), 5)
        self.assertEqual([index for _, index in told], [index for _, index in ours])
        for (score, _), (same, _) in zip(told, ours):
            self.assertAlmostEqual(float(score), float(same), places=4)

    def test_s5_wide_resnet(self):
        folder = self.prepare("wide_resnet")
        server = self.serve(folder, "--model-control-mode=explicit")
        for model in ("onnx_model", "trt_model"):
            load = urllib.request.Request(f"http://{server.http}/v2/repository/models/{model}/load", b"", method="POST")
            with urllib.request.urlopen(load, timeout=60) as answer:
                self.assertEqual(answer.status, 200)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(
                urllib.request.Request(f"http://{server.http}/v2/repository/models/torch_model/load", b"", method="POST"),
                timeout=60,
            )
        refused = caught.exception.read().decode()
        self.assertIn("pytorch_libtorch", refused)
        self.assertIn("tensorrt_plan", refused)
        self.assertIn("onnxruntime_onnx", refused)
        labels = os.path.join(folder, "trt_model", "labels.txt")
        lines = [line.split() for line in client("wide_resnet", server.http, server.grpc, labels).splitlines()]
        self.assertEqual(len(lines), 4)
        (best,) = {line[2] for line in lines}
        self.assertEqual({tuple(line[3:5]) for line in lines}, {("class", best)})
        for model in ("onnx_model", "trt_model"):
            self.assertEqual(server.metric("nv_inference_count", model=model), 2)
        for line in in_process("wide_resnet", folder).splitlines():
            self.assertEqual(line.split()[1:4], [best, "class", best])
