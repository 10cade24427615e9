"""The report's client over gRPC: a picture's class, by each of the models named.

Usage: python client_grpc.py PICTURE LABELS.txt MODEL... [-u localhost:8001]
"""

import argparse
import sys

try:
    import numpy as np
    import tritonclient.grpc as grpcclient
    from picture import preprocess
    from tritonclient.utils import InferenceServerException
except ModuleNotFoundError as missing:
    install = f"{sys.executable} -m pip install 'tritonclient[all]' pillow"
    sys.exit(f"{sys.executable} has no {missing.name}.\nRun: {install}")

parser = argparse.ArgumentParser()
parser.add_argument("picture")
parser.add_argument("labels")
parser.add_argument("models", nargs="+")
parser.add_argument("-u", "--url", default="localhost:8001")
FLAGS = parser.parse_args()

try:
    with open(FLAGS.labels, encoding="utf-8") as file:
        labels = file.read().splitlines()
    image = preprocess(FLAGS.picture)
except OSError as error:  # Pillow's, too
    sys.exit(f"{error}\nGive a picture, and the labels.txt of a model in the repository: work/repository-small/onnx_model/labels.txt.")

triton_client = grpcclient.InferenceServerClient(url=FLAGS.url)
for model_name in FLAGS.models:
    try:
        metadata = triton_client.get_model_metadata(model_name, model_version="1")
        config = triton_client.get_model_config(model_name, model_version="1").config
    except InferenceServerException as error:
        raise SystemExit(f"{model_name} at {FLAGS.url}: {error}")
    platform, max_batch_size = metadata.platform, config.max_batch_size
    inputs = [grpcclient.InferInput("actual_input_1", (1, 3, 224, 224), "FP32")]
    inputs[0].set_data_from_numpy(image)
    outputs = [grpcclient.InferRequestedOutput("output1")]
    result = triton_client.infer(model_name, inputs, model_version="1", outputs=outputs)
    scores = result.as_numpy("output1")[0]
    best = int(np.argmax(scores))
    print(f"{model_name} ({platform}, up to {max_batch_size}): {best} {labels[best]} {scores[best]:.4f}")
triton_client.close()
