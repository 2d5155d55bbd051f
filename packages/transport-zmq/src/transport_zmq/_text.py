"""Messages as bytes: UTF-8, and nothing else. Decoding is done in place, where it costs no call."""


def encode(message: str) -> bytes:
    """Return *message* as UTF-8; ``TypeError`` when it is no ``str``, ``ValueError`` when it has no such form."""
    if not isinstance(message, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers need not be typed
        raise TypeError(f"message is of type {type(message).__name__}, expected str")
    return message.encode()
