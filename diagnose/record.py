"""Dataclasses that are quick to define: the standard ones compile six methods each, a fifth of a short command's time.

`__init__` is compiled for the first instance, which most classes never have in a command; comparison, hash and repr are
shared. slots=True is the default. Only the type checker enforces `frozen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass", "frozen"]

if TYPE_CHECKING:
    from dataclasses import dataclass, field
    from typing import TypeVar

    from typing_extensions import dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
    def frozen(cls: type[T]) -> type[T]:
        """A value that never changes, made of named fields: `dataclass(frozen=True, kw_only=True)`."""

else:
    import dataclasses
    from operator import attrgetter

    def _late(cls):
        def __init__(self, *values, **named):
            cls.__init__ = _init(cls)
            cls.__init__(self, *values, **named)

        return __init__

    def _init(cls):
        """Compiles __init__ as the standard does: fields with or without default or factory, by position or name."""
        places, names, body, scope = ["self"], [], [], {"LEFT_OUT": object()}
        for each in dataclasses.fields(cls):
            name, default, value = each.name, "", each.name
            if each.default is not dataclasses.MISSING:
                scope[f"of_{name}"], default = each.default, f"=of_{name}"
            elif each.default_factory is not dataclasses.MISSING:
                scope[f"of_{name}"], default = each.default_factory, "=LEFT_OUT"
                value = f"of_{name}() if {name} is LEFT_OUT else {name}"
            (names if each.kw_only else places).append(f"{name}{default}")
            body.append(f"self.{name} = {value}")
        if hasattr(cls, "__post_init__"):
            body.append("self.__post_init__()")
        arguments = ", ".join([*places, *(["*", *names] if names else [])])
        exec(f"def __init__({arguments}):\n " + "\n ".join(body or ["pass"]), scope)
        return scope["__init__"]

    def dataclass(cls=None, *, frozen=False, slots=True, kw_only=False):
        """Like dataclasses.dataclass, with the options frozen, slots and kw_only."""

        def made(cls):
            cls.__doc__ = (
                cls.__doc__ or cls.__name__
            )  # else the standard writes a signature there, which doubles the time
            cls = dataclasses.dataclass(
                cls, init=False, repr=False, eq=False, match_args=False, slots=slots, kw_only=kw_only
            )
            cls.__init__ = _late(cls)
            names = [each.name for each in dataclasses.fields(cls)]
            values = attrgetter(*names, "__class__")  # one name alone would give no tuple
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

    def frozen(cls):
        return dataclass(cls, frozen=True, kw_only=True)
