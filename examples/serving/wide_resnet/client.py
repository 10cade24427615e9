"""The report's client: metadata, config, and one picture's class from ONNX and TensorRT side by side, over HTTP and gRPC.

Usage: python client.py HTTP_HOST:PORT GRPC_HOST:PORT [LABELS.txt]
"""

import sys

import numpy as np
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient


def picture():
    """In place of a file: 256 x 256 pixels (the shorter side is 256 already), drawn here."""
    y, x = np.mgrid[0:256, 0:256]
    return np.stack([x, y, (x * y) % 256], axis=-1).astype(np.uint8)


def preprocess(pixels):
    """Centre crop of 224, 0 to 1, normalized, in planes, a batch of one."""
    crop = pixels[16:240, 16:240].astype(np.float32) / 255
    normalized = (crop - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return normalized.transpose(2, 0, 1)[None].astype(np.float32)


image = preprocess(picture())
with open(sys.argv[3], encoding="utf-8") as file:
    labels = file.read().splitlines()

for model_name in ("onnx_model", "trt_model"):
    for module, url in ((httpclient, sys.argv[1]), (grpcclient, sys.argv[2])):
        client = module.InferenceServerClient(url)
        client.get_model_metadata(model_name)
        client.get_model_config(model_name)
        inputs = [module.InferInput("actual_input_1", (1, 3, 224, 224), "FP32")]
        inputs[0].set_data_from_numpy(image)
        result = client.infer(model_name, inputs, model_version="1")
        output = result.as_numpy("output1")
        best = int(np.argmax(output))
        print(module.__name__, model_name, best, labels[best], f"{output[0, best]:.4f}")
        client.close()
