"""Grounded fine-tuning data for retrievers, as distilabel steps.

The public names stand in `__init__.pyi`; each is imported on first use, so that `rag4rag --help`
does not wait for torch.
"""

import lazy_loader

from distilabel_rag4rag.utils import known_noise, old_modules

known_noise.hide_known_noise()
old_modules.install()
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
