"""Measures Python's ways for figures.ts, which calls it: prints a JSON object of milliseconds, one for each loop.

measure.py client HOST:PORT PICTURE LOOPS   the report's client: the request alone, and from the file where torchvision is installed
measure.py pytorch PICTURE LOOPS            PyTorch in this process, without a server: the network alone, and from the file
"""

import importlib.util
import json
import sys
import time


def measure(call, loops):
    times = []
    for loop in range(-max(3, loops // 10), loops):
        start = time.perf_counter()
        call()
        if loop >= 0:
            times.append((time.perf_counter() - start) * 1e3)
    return times


def client(url, picture, loops):
    import numpy as np
    import tritonclient.http as httpclient
    from client import classify, preprocess

    server = httpclient.InferenceServerClient(url=url)
    tensor = np.zeros((3, 224, 224), np.float32)
    told = {"network": measure(lambda: classify(server, tensor), loops)}
    if importlib.util.find_spec("torchvision") and importlib.util.find_spec("PIL"):
        told["all"] = measure(lambda: classify(server, preprocess(picture)), loops)
    return told


def pytorch(picture, loops):
    import torch
    from PIL import Image
    from torchvision import models, transforms

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = torch.nn.Sequential(models.resnet50(weights=None), torch.nn.Softmax(dim=1)).eval().to(device)
    transform = transforms.Compose(
        [
            transforms.Resize(256),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )

    def preprocess():
        return transform(Image.open(picture).convert("RGB"))[None]

    def network(tensor):
        return model(tensor.to(device)).cpu()  # .cpu() waits for the device

    with torch.inference_mode():
        tensor = preprocess()
        return {
            "version": torch.__version__,
            "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
            "network": measure(lambda: network(tensor), loops),
            "all": measure(lambda: network(preprocess()), loops),
        }


*words, loops = sys.argv[2:]
print(json.dumps({"client": client, "pytorch": pytorch}[sys.argv[1]](*words, int(loops))))
