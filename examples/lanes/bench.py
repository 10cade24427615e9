"""Latency of lane_pipeline over gRPC, one request after another. Usage: python3 bench.py PICTURE HOST:PORT LOOPS; prints milliseconds, one a line."""

import sys
import time

import numpy as np
import tritonclient.grpc as grpcclient
from PIL import Image

picture, url, loops = sys.argv[1:]
raw = np.asarray(Image.open(picture).convert("RGB"))
triton_client = grpcclient.InferenceServerClient(url)
for loop in range(-10, int(loops)):
    started = time.perf_counter()
    pipeline_input = grpcclient.InferInput("raw_image", list(raw.shape), "UINT8")
    pipeline_input.set_data_from_numpy(raw)
    triton_client.infer("lane_pipeline", [pipeline_input]).as_numpy("polylines")
    if loop >= 0:
        print((time.perf_counter() - started) * 1000)
