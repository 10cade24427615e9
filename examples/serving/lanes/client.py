"""The report's gRPC client: both detectors on a picture, and the pipeline on its raw pixels. Usage: python client.py [HOST:PORT]"""

import argparse
import json

import numpy as np
import tritonclient.grpc as grpcclient

parser = argparse.ArgumentParser()
parser.add_argument("url", nargs="?", default="localhost:8001")
parser.add_argument("-s", "--ssl", action="store_true")
parser.add_argument("-r", "--root-certificates")
parser.add_argument("-p", "--private-key")
parser.add_argument("-x", "--certificate-chain")
FLAGS = parser.parse_args()

triton_client = grpcclient.InferenceServerClient(
    url=FLAGS.url,
    ssl=FLAGS.ssl,
    root_certificates=FLAGS.root_certificates,
    private_key=FLAGS.private_key,
    certificate_chain=FLAGS.certificate_chain,
)


def raw_picture():
    """In place of the camera: 720 x 1280 pixels of road, drawn here."""
    y, x = np.mgrid[0:720, 0:1280]
    return np.stack([(x + y) % 256, (x // 5) % 256, (y // 3) % 256], axis=-1).astype(np.uint8)


def preprocess(raw):
    """Every second pixel, 0 to 1, in planes."""
    return (raw[::2, ::2].astype(np.float32) / 255).transpose(2, 0, 1)[None]


def detect(model_name, image, names):
    inputs = [grpcclient.InferInput("input", list(image.shape), "FP16" if image.dtype == np.float16 else "FP32")]
    inputs[0].set_data_from_numpy(image)
    outputs = [grpcclient.InferRequestedOutput(name) for name in names]
    results = triton_client.infer(model_name=model_name, inputs=inputs, outputs=outputs)
    return [results.as_numpy(name) for name in names]


raw = raw_picture()
image = preprocess(raw)
(lanes,) = detect("laneDetect_model", image, ["predict_lanes"])
half, features = detect("LaneDet_fp16", image.astype(np.float16), ["predict_lanes", "914"])
print("laneDetect_model", lanes.dtype, lanes.shape)
print("LaneDet_fp16", half.dtype, half.shape, features.shape)
print("largest difference", float(np.abs(lanes - half.astype(np.float32)).max()))

pipeline_input = grpcclient.InferInput("raw_image", list(raw.shape), "UINT8")
pipeline_input.set_data_from_numpy(raw)
result = triton_client.infer(model_name="lane_pipeline", inputs=[pipeline_input])
print("lane_pipeline", result.as_numpy("lanes").shape)
for lane in json.loads(result.as_numpy("summary")[0]):
    print(f"anchor {lane['anchor']} score {lane['score']:.6f}")
