"""Grounded fine-tuning data for retrievers, as distilabel steps.

The public names stand in `__init__.pyi`, in the order of the data; each is imported on first use,
so that `rag4rag --help` does not wait for torch.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
