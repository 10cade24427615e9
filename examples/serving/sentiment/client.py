"""The report's second service: tokenizes, asks the server, takes the larger score. Usage: python client.py HOST:PORT WORDS.json SENTENCE

It is what Sanic or Flask would wrap: a process of its own, and a hop more for every sentence.
"""

import json
import re
import sys

import numpy as np
import tritonclient.http as httpclient

MODEL = "sentence_classification"
LENGTH = 512


class Classifier:
    def __init__(self, url, words):
        self.client = httpclient.InferenceServerClient(url=url)
        self.ids = {word: index for index, word in enumerate(words)}

    def tokenize(self, sentence):
        ids = [2] + [self.ids.get(word, 1) for word in re.findall("[a-z]+", sentence.lower())][: LENGTH - 2] + [3]
        return np.array([ids + [0] * (LENGTH - len(ids))], dtype=np.int32)

    def predict(self, sentence):
        input_ids = self.tokenize(sentence)
        segment_ids = np.zeros_like(input_ids)
        inputs = [
            httpclient.InferInput("input_ids", input_ids.shape, "INT32"),
            httpclient.InferInput("segment_ids", segment_ids.shape, "INT32"),
        ]
        inputs[0].set_data_from_numpy(input_ids, binary_data=False)
        inputs[1].set_data_from_numpy(segment_ids, binary_data=False)
        outputs = [httpclient.InferRequestedOutput("output", binary_data=False)]
        result = self.client.infer(MODEL, inputs, outputs=outputs)
        return int(np.argmax(result.as_numpy("output"), axis=1)[0])


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        classifier = Classifier(sys.argv[1], json.load(file))
    print(["negative", "positive"][classifier.predict(sys.argv[3])])
