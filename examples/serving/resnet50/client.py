"""The report's HTTP client: sends a picture, prints the five best classes. Usage: python client.py [HOST:PORT]"""

import sys

import numpy as np
import tritonclient.http as httpclient


def picture():
    """In place of a file: 256 x 256 pixels, drawn here."""
    y, x = np.mgrid[0:256, 0:256]
    return np.stack([x, y, (x * y) % 256], axis=-1).astype(np.uint8)


def preprocess(pixels):
    """Centre crop of 224, 0 to 1, normalized, in planes."""
    crop = pixels[16:240, 16:240].astype(np.float32) / 255
    normalized = (crop - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return normalized.transpose(2, 0, 1).astype(np.float32)


transformed_img = preprocess(picture())

client = httpclient.InferenceServerClient(url=sys.argv[1] if len(sys.argv) > 1 else "localhost:8100")

inputs = httpclient.InferInput("gpu_0/data_0", transformed_img.shape, datatype="FP32")
inputs.set_data_from_numpy(transformed_img, binary_data=True)
outputs = httpclient.InferRequestedOutput("gpu_0/softmax_1", binary_data=True, class_count=1000)

results = client.infer(model_name="resnet50", inputs=[inputs], outputs=[outputs])
inference_output = results.as_numpy("gpu_0/softmax_1")
print(inference_output[:5])
