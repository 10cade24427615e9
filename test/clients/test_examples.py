"""examples/serving: each report's client against the server, and the same in one process; both must say the same."""

import os
import re
import subprocess
import sys
import tempfile
import unittest
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

    def test_s2_resnet50(self):
        folder = self.prepare("resnet50")
        server = self.serve(folder)
        told = re.findall(r"b'([\d.]+):(\d+)'", client("resnet50", server.http))
        ours = re.findall(r"([\d.]+):(\d+)", in_process("resnet50", folder))
        self.assertEqual(len(told), 5)
        self.assertEqual([index for _, index in told], [index for _, index in ours])
        for (score, _), (same, _) in zip(told, ours):
            self.assertAlmostEqual(float(score), float(same), places=4)

    def test_s4_lanes(self):
        folder = self.prepare("lanes")
        server = self.serve(folder)
        told = client("lanes", server.grpc)
        self.assertIn("laneDetect_model float32 (1, 2784, 77)", told)
        self.assertIn("LaneDet_fp16 float16 (1, 2784, 77) (1, 1, 77)", told)
        self.assertLess(float(re.search(r"largest difference (\S+)", told)[1]), 1e-2)
        self.assertIn("lane_pipeline (4, 77)", told)
        lanes = [line for line in told.splitlines() if line.startswith("anchor")]
        self.assertEqual(len(lanes), 4)
        self.assertEqual(in_process("lanes", folder).splitlines(), lanes)
