"""All parts of the suite in one class."""

from ._asyncio import Asyncio
from ._closing import Closing, Draining, Dropping
from ._messages import Contexts, Messages
from ._one_way import OneWay
from ._threads import Greenlets, Pickling, Threads
from ._timeouts import ReceiveTimeouts, Timeouts


class Contract(
    Messages,
    Contexts,
    Threads,
    Timeouts,
    ReceiveTimeouts,
    OneWay,
    Closing,
    Dropping,
    Draining,
    Greenlets,
    Pickling,
    Asyncio,
):
    """
    Every promise of the contract as a test.

    To be subclassed in a test file, by a class whose name pytest collects (``Test…``): see :meth:`open` and
    :attr:`promises`.
    """
