import pickle
from types import ModuleType

import pytest

import transport_base
from transport_base import (
    TransportClosedError,
    TransportConnectionError,
    TransportContextError,
    TransportError,
    TransportProtocolError,
    TransportTimeoutError,
)

ERRORS = [
    TransportError,
    TransportTimeoutError,
    TransportConnectionError,
    TransportClosedError,
    TransportProtocolError,
    TransportContextError,
]


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_has_one_root(error: type[TransportError]) -> None:
    with pytest.raises(TransportError):
        raise error("status 500, expected 2xx")


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_survives_pickle_with_its_words(error: type[TransportError]) -> None:
    copy = pickle.loads(pickle.dumps(error("status 500, expected 2xx")))
    assert type(copy) is error
    assert str(copy) == "status 500, expected 2xx"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportTimeoutError, TimeoutError),
        (TransportConnectionError, ConnectionError),
        (TransportContextError, ValueError),
    ],
)
def test_an_error_is_what_python_calls_it_as_well(error: type[TransportError], kind: type[Exception]) -> None:
    assert issubclass(error, kind)


def test_a_timeout_is_no_connection_error() -> None:
    assert not issubclass(TransportTimeoutError, ConnectionError)
    assert not issubclass(TransportConnectionError, TimeoutError)


def test_all_lists_every_public_name() -> None:
    names = vars(transport_base).items()
    public = {name for name, value in names if not name.startswith("_") and not isinstance(value, ModuleType)}
    assert set(transport_base.__all__) == public
    assert list(transport_base.__all__) == sorted(transport_base.__all__)
