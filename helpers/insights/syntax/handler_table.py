"""The one way in which this room finds a function for a rule of the grammar, or for a class of nodes."""

from collections.abc import Callable
from typing import Any, TypeVar

Key = TypeVar("Key")
Handler = TypeVar("Handler", bound=Callable[..., Any])


class HandlerTable(dict[Key, Handler]):
    """Functions by key; a decorator above each function enters it. Raises ValueError for a key that is taken.

    >>> table: HandlerTable[str, Callable[[int], int]] = HandlerTable()
    >>> @table.on("double", "twice")
    ... def doubled(number: int) -> int:
    ...     return 2 * number
    >>> table["twice"](21)
    42
    """

    def on(self, *keys: Key) -> Callable[[Handler], Handler]:
        """Enters the function below under these keys."""

        def enter(handler: Handler) -> Handler:
            if taken := self.keys() & set(keys):
                raise ValueError(f"there is a handler already for {taken}")
            self.update(dict.fromkeys(keys, handler))
            return handler

        return enter
