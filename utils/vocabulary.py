"""Words ↔ ids: the embedding dict."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from utils.sentences import UNKNOWN, normalize

END, ANY = 0, 1  # the ids of [END], after each sentence, and of [ANY], in place of every rare word


class Vocabulary:
    """The words a model knows, each with its id: [END] 0, [ANY] 1, then the others by falling count.

    Args:
        forms: the words as they are written, in the order of their ids, without [END] and [ANY].

    Attributes:
        words: every id's written form, [END] and [ANY] included.
    """

    def __init__(self, forms: Iterable[str]):
        self.words = ["[END]", "[ANY]", *forms]
        self.ids = {normalize(form): i for i, form in enumerate(self.words[2:], 2)}

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], min_count: int) -> "Vocabulary":
        """The vocabulary of tokens that stand min_count times or more in these sentences.

        Capital and small letters count as the same. A word's written form is the commonest inside sentences,
        since the first word has a capital in any case; so "I", "Monday" and a German noun keep theirs. A word
        seen in first place only is written small. A token with <unk> in it is no word.
        """
        counts, inside = Counter(), defaultdict(Counter)
        for tokens in sentences:
            for place, token in enumerate(tokens):
                word = normalize(token)
                counts[word] += 1
                if place > 0:
                    inside[word][token] += 1
        common = [word for word, count in counts.most_common() if count >= min_count and UNKNOWN not in word]
        return cls(inside[word].most_common(1)[0][0] if word in inside else word for word in common)

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Tokens → ids; a word that isn't known becomes [ANY]."""
        return [self.ids.get(normalize(token), ANY) for token in tokens]

    def decode(self, ids: Iterable[int]) -> list[str]:
        """Ids → written forms."""
        return [self.words[i] for i in ids]
