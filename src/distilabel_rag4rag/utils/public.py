"""The module that public classes name as their own."""

from typing import TypeVar

ClassT = TypeVar("ClassT", bound=type)


def public(cls: ClassT) -> ClassT:
    """Decorates a public class: its module is the package, wherever its file lies.

    distilabel writes a component's module into a saved pipeline and imports it from there, so
    that without this a moved file would break every pipeline that was saved before.
    """
    cls.__module__ = "distilabel_rag4rag"
    return cls
