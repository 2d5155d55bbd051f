"""
What a worker does, as ``work:handle``.

python -m transport_zmq proxy tcp://127.0.0.1:5555 tcp://127.0.0.1:5556
python -m transport_zmq serve tcp://127.0.0.1:5556 work:handle --connect
"""


def handle(message: str) -> str:
    """Return the reply to *message*."""
    return message.upper()
