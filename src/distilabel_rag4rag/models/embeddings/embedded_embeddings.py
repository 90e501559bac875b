"""EmbeddedEmbeddings: the packaged all-MiniLM-L6-v2."""

from distilabel.models import SentenceTransformerEmbeddings

from distilabel_rag4rag.models.packaged import EMBEDDED, embeddings_path
from distilabel_rag4rag.utils.public import public


@public
class EmbeddedEmbeddings(SentenceTransformerEmbeddings):
    """The packaged all-MiniLM-L6-v2 as distilabel `Embeddings`.

    Attributes:
        model: `embedded`, found on the machine that loads it, or what
            `SentenceTransformerEmbeddings` takes.

    Runtime parameters:
        - `device`: where to load the model.
        - `normalize_embeddings`: whether vectors have length 1.

    Examples:
        Embed two sentences:

        ```python
        from distilabel_rag4rag import embedded

        embeddings = embedded.embeddings()
        embeddings.load()
        vectors = embeddings.encode(["A cat sat.", "A dog ran."])
        assert len(vectors[0]) == 384
        ```
    """

    model: str = EMBEDDED

    def load(self) -> None:
        """Finds the model and loads it."""
        name = self.model
        try:
            self.model = embeddings_path() if name == EMBEDDED else name
            super().load()
        finally:
            self.model = name  # a dump made after load() holds no machine's path

    def unload(self) -> None:
        """Frees the model; `load()` works again afterwards."""
        super().unload()
        self._model = None

    @property
    def weights_source(self) -> str | None:
        """Where the packaged weights are; None for a model that `model` names itself."""
        return embeddings_path() if self.model == EMBEDDED else None

    @property
    def model_name(self) -> str:
        """The name of the model inside."""
        return "all-MiniLM-L6-v2" if self.model == EMBEDDED else self.model
