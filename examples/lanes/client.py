"""The report's gRPC client: both detectors on a picture, and the pipeline on its raw pixels. Usage: python3 client.py PICTURE [-u HOST:PORT]"""

import argparse
import json
import sys

try:
    import numpy as np
    import tritonclient.grpc as grpcclient
    from PIL import Image
    from tritonclient.utils import InferenceServerException
except ModuleNotFoundError as missing:
    install = f"{sys.executable} -m pip install 'tritonclient[all]' pillow"
    sys.exit(f"{sys.executable} has no {missing.name}.\nRun: {install}")

parser = argparse.ArgumentParser()
parser.add_argument("picture")
parser.add_argument("-u", "--url", default="localhost:8001")
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


def detect(model_name, image, datatype, names):
    inputs = [grpcclient.InferInput("input", [1, 3, 360, 640], datatype)]
    inputs[0].set_data_from_numpy(image)
    outputs = [grpcclient.InferRequestedOutput(name) for name in names]
    results = triton_client.infer(model_name=model_name, inputs=inputs, outputs=outputs)
    return [results.as_numpy(name) for name in names]


def main():
    raw = np.asarray(Image.open(FLAGS.picture).convert("RGB"))
    scaled = np.asarray(Image.fromarray(raw).resize((640, 360), Image.Resampling.BILINEAR))
    image = (scaled.astype(np.float32) / 255).transpose(2, 0, 1)[None]

    (lanes,) = detect("laneDetect_model", image, "FP32", ["predict_lanes"])
    half, attention = detect("LaneDet_fp16", image.astype(np.float16), "FP16", ["predict_lanes", "914"])
    print("laneDetect_model", lanes.dtype, lanes.shape)
    print("LaneDet_fp16", half.dtype, half.shape, attention.shape)
    likely = {name: np.flatnonzero(out[0, :, 1] > out[0, :, 0]).tolist() for name, out in (("32", lanes), ("16", half))}
    same = len(set(likely["32"]) & set(likely["16"]))
    print(f"proposals above 0.5: {len(likely['32'])} in FP32, {len(likely['16'])} in FP16, {same} in both")

    pipeline_input = grpcclient.InferInput("raw_image", list(raw.shape), "UINT8")
    pipeline_input.set_data_from_numpy(raw)
    result = triton_client.infer(model_name="lane_pipeline", inputs=[pipeline_input])
    print("lane_pipeline", result.as_numpy("polylines").shape, result.as_numpy("scores").shape)
    for lane in json.loads(result.as_numpy("summary")[0]):
        first, last = lane["points"][0], lane["points"][-1]
        print(
            f"lane of anchor {lane['anchor']}, score {lane['score']:.4f}:"
            f" ({first['x']:.1f}, {first['y']:.1f}) to ({last['x']:.1f}, {last['y']:.1f})"
        )


try:
    main()
except InferenceServerException as error:
    sys.exit(f"{FLAGS.url}: {error.message()}\nIs trt-node serve running there, with this example's repository?")
except OSError as error:  # Pillow's, too
    sys.exit(f"{error}\nGive the path of a picture; npm start makes work/frame.png.")
