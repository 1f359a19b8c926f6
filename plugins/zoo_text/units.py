"""What texts are counted or numbered in: words and word pairs, ids of words, and the word pieces of BERT.

Each is a value with what it was fitted to, and turns one text into one array.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from zoo.specs import Spec

if TYPE_CHECKING:
    import numpy as np

_WORD = re.compile(r"(?u)\b\w\w+\b")
"""Words of two characters and more, as scikit-learn's vectorizers take them."""

_TOKEN = re.compile(r"(?u)\w+|[^\w\s]")
"""Words and single signs."""

_MOST_COUNT = 255

_TERMS, _MANY_TEXTS, _TERMS_OF_MANY = 20_000, 5_000, 8_000
"""Terms that are counted. A probe takes the time of the smaller of texts and terms, cubed."""


class WordCounts(Spec):
    """Counts of words and of pairs of neighboring words: uint8 (terms,), no more than 255 of each.

    Lower case; words of two characters and more.
    """

    form: Literal["counts"] = "counts"
    terms: tuple[str, ...] = Field(description="words, and pairs of words with a space between, sorted")
    idf: tuple[float, ...] = Field(
        description="of each term, ln((1 + texts) / (1 + texts that have it)) + 1, on the training part"
    )

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (terms,)."""
        return (len(self.terms),)

    @property
    def array_dtype(self) -> str:
        """Return "uint8"."""
        return "uint8"

    def shape(self, text: str) -> np.ndarray:
        """Return how often each term occurs in a text."""
        import numpy as np

        places = _places(self.terms)
        counts = np.zeros(len(self.terms), np.uint8)
        for term, count in Counter(words_and_pairs(text)).items():
            if (place := places.get(term)) is not None:
                counts[place] = min(count, _MOST_COUNT)
        return counts

    @classmethod
    def fit(cls, texts: Iterable[str], most: int | None, least: int) -> WordCounts:
        """Return the counts of the terms that most texts have.

        Args:
            texts: of the training part.
            most: largest number of terms; those that more texts have win, then those that come first in the alphabet.
                None: 20,000, and 8,000 where there are more than 5,000 texts.
            least: number of texts that must have a term.
        """
        import math

        having: Counter[str] = Counter()
        number = 0
        for text in texts:
            number += 1
            having.update(set(words_and_pairs(text)))
        if most is None:
            most = _TERMS if number <= _MANY_TEXTS else _TERMS_OF_MANY
        frequent = sorted((term for term, count in having.items() if count >= least), key=lambda t: (-having[t], t))
        terms = tuple(sorted(frequent[:most])) or ("",)
        idf = tuple(math.log((1 + number) / (1 + having[term])) + 1 for term in terms)
        return cls(terms=terms, idf=idf)


def words_and_pairs(text: str) -> list[str]:
    """Return the words of a text, and the pairs of neighboring ones with a space between."""
    words = _WORD.findall(text.lower())
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]


class WordIds(Spec):
    """Numbers of words and signs: int32 (length,); 0 in front of a short text, 1 for a word that is not known."""

    form: Literal["ids"] = "ids"
    words: tuple[str, ...] = Field(description="known words and signs; the first has the number 2")
    length: int = Field(gt=0, description="numbers of every text; the beginning of longer ones is taken")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (length,)."""
        return (self.length,)

    @property
    def array_dtype(self) -> str:
        """Return "int32"."""
        return "int32"

    @property
    def count(self) -> int:
        """Return how many different numbers there are."""
        return len(self.words) + 2

    def shape(self, text: str) -> np.ndarray:
        """Return the numbers of a text."""
        import numpy as np

        places = _places(self.words)
        ids = [places.get(token, -1) + 2 for token in tokens(text)[: self.length]]
        return np.array([0] * (self.length - len(ids)) + ids, np.int32)

    @classmethod
    def fit(cls, texts: Iterable[str], most: int, least: int, length: int | None) -> WordIds:
        """Return the numbers of the most frequent words.

        Args:
            texts: of the training part.
            most: largest number of words.
            least: how often a word must occur.
            length: numbers of every text; None: so that 95 % of the texts fit, between 16 and 256.
        """
        import numpy as np

        counts: Counter[str] = Counter()
        lengths = []
        for text in texts:
            split = tokens(text)
            counts.update(split)
            lengths.append(len(split))
        words = sorted((word for word, count in counts.items() if count >= least), key=lambda w: (-counts[w], w))
        if length is None:
            length = int(min(max(np.quantile(lengths, 0.95), 16), 256)) if lengths else 64
        return cls(words=tuple(words[:most]), length=length)


def tokens(text: str) -> list[str]:
    """Return the words and signs of a text, in lower case."""
    return _TOKEN.findall(text.lower())


class WordPieces(Spec):
    """Numbers of BERT's word pieces, between [CLS] and [SEP]: int32 (length,), 0 behind a short text."""

    form: Literal["pieces"] = "pieces"
    pieces: tuple[str, ...] = Field(description="the vocabulary; its place is the number of a piece")
    length: int = Field(ge=2, description="numbers of every text; the beginning of longer ones is taken")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Return (length,)."""
        return (self.length,)

    @property
    def array_dtype(self) -> str:
        """Return "int32"."""
        return "int32"

    def shape(self, text: str) -> np.ndarray:
        """Return the numbers of a text."""
        import numpy as np

        ids = np.zeros(self.length, np.int32)
        numbers = piece_numbers(self.pieces, text)
        numbers = numbers[: self.length - 1] + numbers[-1:] if len(numbers) > self.length else numbers
        ids[: len(numbers)] = numbers
        return ids


def piece_numbers(pieces: tuple[str, ...], text: str) -> list[int]:
    """Return the numbers of a text's pieces, [CLS] and [SEP] included.

    Args:
        pieces: the vocabulary of a BERT that knows lower case only.
        text: any text.
    """
    numbers: list[int] = _tokenizer(pieces).encode(text).ids
    return numbers


@lru_cache(maxsize=4)
def _tokenizer(pieces: tuple[str, ...]) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    places = _places(pieces)
    made = Tokenizer(models.WordPiece(dict(places), unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", places["[SEP]"]), ("[CLS]", places["[CLS]"]))
    return made


@lru_cache(maxsize=8)
def _places(words: tuple[str, ...]) -> dict[str, int]:
    """Word -> its place; made once for each vocabulary."""
    return {word: place for place, word in enumerate(words)}
