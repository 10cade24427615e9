"""The report's HTTP client: sends a picture, prints the five best classes. Usage: python3 client.py [HOST:PORT] [PICTURE]

A picture that is named *.npy is what torchvision has already cropped: bytes [3,224,224].
"""

import os
import sys

PICTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pictures", "lighthouse.png")

try:
    import numpy as np
    import tritonclient.http as httpclient
    from tritonclient.utils import InferenceServerException
except ModuleNotFoundError as missing:
    sys.exit(f"{sys.executable} has no {missing.name}.\nRun: {sys.executable} -m pip install 'tritonclient[all]' numpy")


def crop(path):
    if path.endswith(".npy"):
        return np.load(path)
    try:
        from PIL import Image
        from torchvision import transforms
    except ModuleNotFoundError as missing:
        sys.exit(f"{sys.executable} has no {missing.name}.\nRun: {sys.executable} -m pip install torchvision pillow")
    resized = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    return np.asarray(resized(Image.open(path).convert("RGB"))).transpose(2, 0, 1)


def preprocess(path):
    mean = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)
    std = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)
    return (crop(path).astype(np.float32) / 255 - mean) / std


def classify(client, transformed_img):
    inputs = httpclient.InferInput("gpu_0/data_0", transformed_img.shape, datatype="FP32")
    inputs.set_data_from_numpy(transformed_img, binary_data=True)
    outputs = httpclient.InferRequestedOutput("gpu_0/softmax_1", binary_data=True, class_count=1000)
    results = client.infer(model_name="resnet50", inputs=[inputs], outputs=[outputs])
    return results.as_numpy("gpu_0/softmax_1")


if __name__ == "__main__":
    url, picture = (sys.argv[1:] + ["localhost:8100", PICTURE][len(sys.argv) - 1 :])[:2]
    try:
        image = preprocess(picture)
    except OSError as error:  # Pillow's, too
        sys.exit(f"{error}\nGive the path of a picture.")
    try:
        inference_output = classify(httpclient.InferenceServerClient(url=url), image)
    except (InferenceServerException, OSError) as error:
        sys.exit(f"{url}: {error}\nIs the server running? Start it with npm run serve, or give its HOST:PORT.")
    print(inference_output[:5])
