"""Dataclasses that are quick to define: the standard's compile six methods each, a fifth of a short command's time.

Only `__init__` is compiled; comparing, hashing and printing are shared. `frozen` is kept by the type checker alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    import dataclasses
    from operator import attrgetter

    def dataclass(cls=None, *, frozen=False, **options):
        """As dataclasses.dataclass, of the options slots, kw_only and frozen."""

        def made(cls):
            cls.__doc__ = (
                cls.__doc__ or cls.__name__
            )  # else the standard's writes a signature there, which takes as long again
            cls = dataclasses.dataclass(cls, repr=False, eq=False, match_args=False, **options)
            names = [each.name for each in dataclasses.fields(cls)]
            values = attrgetter(*names, "__class__")  # of one name alone it would be no tuple
            if "__repr__" not in vars(cls):
                cls.__repr__ = lambda self: (
                    f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"
                )
            cls.__eq__ = lambda self, other: (
                values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented
            )
            cls.__hash__ = (lambda self: hash(values(self))) if frozen else None
            return cls

        return made if cls is None else made(cls)
