"""The benchmark's models as PyTorch modules with fixed random weights: what make.py exports and peers/pytorch_api.py runs."""

import torch

SEED = 20260921


def mlp(onnx_path):
    """softmax(relu(x W)), with the W of test/fixtures/onnx/mlp.onnx."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(onnx_path).graph
    weight = torch.from_numpy(numpy_helper.to_array(graph.initializer[0]).copy())

    class Mlp(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(weight)

        def forward(self, x):
            return torch.softmax(torch.relu(x @ self.weight), -1)

    return Mlp().eval()


def resnet50():
    """torchvision's ResNet-50; its own initialization is He's for convolutions, which keeps all activations finite."""
    import torchvision

    torch.manual_seed(SEED)
    return torchvision.models.resnet50(weights=None).eval()


def encoder():
    """A BERT-base-sized sequence classifier (12 layers, 768 wide, 12 heads, 2 labels): input_ids, attention_mask to logits."""
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(SEED)
    config = BertConfig(num_labels=2, attn_implementation="eager")
    model = BertForSequenceClassification(config).eval()

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            # A mask of four dimensions is taken as it is: no data-dependent branch is left for an exporter to trace.
            mask = (1.0 - attention_mask[:, None, None, :].to(self.model.dtype)) * -10000.0
            segments = torch.zeros_like(input_ids)
            return self.model(
                input_ids=input_ids, attention_mask=mask, token_type_ids=segments
            ).logits

    return Classifier().eval()


def load(name, onnx_path=None):
    """By name: mlp, resnet50 or encoder."""
    return mlp(onnx_path) if name == "mlp" else {"resnet50": resnet50, "encoder": encoder}[name]()
