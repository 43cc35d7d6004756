"""Small immutable classes that cost next to nothing to define.

A frozen dataclass takes about half a millisecond to make, and a syntax tree has many kinds of nodes: together they would
be most of the time that `dstream` needs to read a file. A type checker sees a `Record` as a frozen dataclass.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """A class whose annotated attributes are its fields, given in order or by name, and compared by value."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = (*cls._fields, *cls.__annotations__)
        cls.__match_args__ = cls._fields  # type: ignore[attr-defined, misc]  # a type checker makes one of its own

    def __init__(self, *values: Any, **named: Any) -> None:
        given = self.__dict__
        given.update(zip(self._fields, values, strict=False))
        given.update(named)
        if named or len(given) != len(self._fields) or len(values) > len(self._fields):
            for name in self._fields:
                if name not in given:
                    given[name] = getattr(type(self), name)  # the default; AttributeError names what is missing
            if given.keys() != set(self._fields) or len(values) > len(self._fields):
                raise TypeError(f"{type(self).__name__} takes {', '.join(self._fields)}")

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} cannot be changed")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self._fields)))

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name)!r}" for name in self._fields)
        return f"{type(self).__name__}({inner})"
