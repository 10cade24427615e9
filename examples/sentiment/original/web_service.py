"""The second web service of the original: requests are strings; it tokenizes, asks the server, takes the larger score.

python3 web_service.py MODEL_FOLDER [--url=localhost:8000] [--port=8081]
MODEL_FOLDER has tokenizer.json and labels.json.
"""

import argparse
import importlib.util
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

NEEDED = {"tritonclient": "'tritonclient[http]'", "tokenizers": "tokenizers", "numpy": "numpy"}
MISSING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
if MISSING:
    print(f"{sys.executable} has no {', '.join(MISSING)}.", file=sys.stderr)
    print(f"Run: {sys.executable} -m pip install {' '.join(NEEDED[name] for name in MISSING)}", file=sys.stderr)
    sys.exit(1)

import numpy as np  # noqa: E402
import tritonclient.http as httpclient  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from tritonclient.utils import InferenceServerException  # noqa: E402

MODEL = "sentence_classification"
LENGTH = 512


class Classifier:
    def __init__(self, url, folder):
        self.url = url
        self.labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(LENGTH)
        self.tokenizer.enable_padding(length=LENGTH, pad_id=self.tokenizer.token_to_id("[PAD]"))
        self.local = threading.local()

    def client(self):
        """A client is for one thread."""
        if not hasattr(self.local, "client"):
            self.local.client = httpclient.InferenceServerClient(url=self.url)
        return self.local.client

    def predict(self, text):
        input_ids = np.array([self.tokenizer.encode(text).ids], dtype=np.int32)
        inputs = [
            httpclient.InferInput("input_ids", input_ids.shape, "INT32"),
            httpclient.InferInput("segment_ids", input_ids.shape, "INT32"),
        ]
        inputs[0].set_data_from_numpy(input_ids)
        inputs[1].set_data_from_numpy(np.zeros_like(input_ids))
        outputs = [httpclient.InferRequestedOutput("output")]
        scores = self.client().infer(MODEL, inputs, outputs=outputs).as_numpy("output")[0]
        best = int(np.argmax(scores))
        return {"label": self.labels[best], "score": float(1 / np.exp(scores - scores[best]).sum())}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body are two writes; without this the second waits for the client's acknowledgement, 40 ms.
    disable_nagle_algorithm = True
    classifier = None

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode("utf-8", "replace")
        try:
            is_json = self.headers.get("content-type", "").startswith("application/json")
            text = json.loads(body)["text"] if is_json else body
        except (ValueError, KeyError, TypeError):
            return self.answer(400, {"error": 'Send {"text": "a sentence"}.'})
        if not isinstance(text, str) or not text.strip():
            return self.answer(400, {"error": "The text is empty."})
        try:
            return self.answer(200, self.classifier.predict(text))
        except (InferenceServerException, OSError) as error:
            words = f"The inference server at {self.classifier.url} does not answer: {error}"
            return self.answer(503, {"error": words})

    def answer(self, status, body):
        data = (json.dumps(body) + "\n").encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Not a line for each request."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="localhost:8000")
    parser.add_argument("--port", type=int, default=8081)
    flags = parser.parse_args()
    try:
        Handler.classifier = Classifier(flags.url, flags.folder)
    except OSError as error:
        sys.exit(f"{error}\nGive the folder of the model: examples/sentiment/small, or work/full after the export.")
    try:
        server = ThreadingHTTPServer(("127.0.0.1", flags.port), Handler)
    except OSError as error:
        print(f"Port {flags.port} cannot be used: {error.strerror}.", file=sys.stderr)
        print("End the program that listens there, or give --port=N.", file=sys.stderr)
        sys.exit(1)
    print(f"listening on http://127.0.0.1:{server.server_port}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
